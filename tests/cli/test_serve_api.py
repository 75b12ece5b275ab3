"""How does ``serve`` bring its API up, what does it tell of itself, and how does it stop?"""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flowforge_graph import TriggerEngine
from flowforge_graph.cli.api_server import ApiOptions, ApiServer
from flowforge_graph.model import CommandRun, DependencyTrigger
from tests.cli.conftest import ROOT, Answer, environment
from tests.faults.rows import connected
from tests.faults.waiting import eventually
from tests.support.databases import PostgresServer
from tests.support.serving import HANG_SECONDS, Client, Serving, serving

Cli = Callable[..., Answer]
Spawn = Callable[..., "subprocess.Popen[str]"]
IN_FLIGHT = 20

# It says that it runs, and ends when it may.
_WAITING = """
import pathlib, time
pathlib.Path("runs").touch()
while not pathlib.Path("may-end").exists():
    time.sleep(0.01)
"""

_BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""

_BUG = """
from flowforge_graph import TriggerEngine

def get_verdicts(engine, execution_id):
    raise RuntimeError("nobody thought of this")

TriggerEngine.get_verdicts = get_verdicts
"""

# The event loop of the API comes to an end of its own.
_MORTAL = """
import pathlib
from uvicorn import Server

async def on_tick(server, counter, ticked=Server.on_tick):
    if pathlib.Path("end").exists():
        raise RuntimeError("nobody thought of this")
    return await ticked(server, counter)

Server.on_tick = on_tick
"""

# The loop hangs in its first tick for as long as there is no file that lets it go on.
_HANGING = """
import pathlib, time
import flowforge_graph.cli.server
from flowforge_graph import TriggerEngine

flowforge_graph.cli.server._LONGEST_TURN_SECONDS = 0.5

def tick(engine, now=None, ticked=TriggerEngine.tick):
    while not pathlib.Path("may-go-on").exists():
        time.sleep(0.01)
    return ticked(engine, now)

TriggerEngine.tick = tick
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[TriggerEngine]:
    """An engine of another process than the server's."""
    with TriggerEngine(database_url) as opened:
        yield opened


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of a process."""
    out, err = process.communicate(timeout=HANG_SECONDS)
    return process.returncode, out, err


# Coming up


def test_any_free_port_is_had_and_told(sqlite_url: str, tmp_path: Path) -> None:
    """The line that says what is served has the URL, which answers; two such servers do not meet."""
    with serving(sqlite_url, folder=tmp_path) as one, serving(sqlite_url, folder=tmp_path) as other:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", one.url)
        assert one.url != other.url
        for path in ("/health", "/ready", "/metrics", "/openapi.json", "/api/workflows"):
            assert [server.ask("GET", path).status for server in (one, other)] == [200, 200]
        assert one.stop() == other.stop() == 0


def test_a_busy_port_is_said_in_one_sentence(spawn: Spawn) -> None:
    """Exit code 1, with the address and what to do; nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        code, out, err = ended(spawn("serve", "--port", str(port)))
    assert (code, out) == (1, "")
    assert err == (
        f"error: the API cannot listen on 127.0.0.1:{port}: Address already in use;"
        " choose another --port (0: any that is free) or --host\n"
    )


@pytest.mark.parametrize("host", [".localhost", "a" * 70 + ".localhost"], ids=["empty-label", "long-label"])
def test_a_host_that_is_no_name_is_said_in_one_sentence(spawn: Spawn, host: str) -> None:
    """Exit code 1, and no traceback."""
    code, out, err = ended(spawn("serve", "--port", "0", "--host", host))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"error: the API cannot listen on {host}:0: ")


@pytest.mark.parametrize("origin", ["*", "", "localhost:3000", "http://localhost:3000/", "https://a@b.example"])
def test_an_origin_that_no_browser_says_is_refused(spawn: Spawn, origin: str) -> None:
    """It would never match, or let every page read: exit 2, with one that would do."""
    code, _, said = ended(spawn("serve", "--port", "0", "--cors-origin", origin))
    assert (code, "https://app.example.com:8443" in said) == (2, True)


def test_answers_do_not_wait_for_the_packets_before(sqlite_url: str) -> None:
    """The connections of a server send at once (TCP_NODELAY): an answer is more than one packet, and acks come late."""
    with (
        TriggerEngine(sqlite_url) as engine,
        ApiServer(engine, ApiOptions(host="127.0.0.1", port=0), list) as server,
        Client(server.url) as client,
    ):
        assert client.ask("GET", "/health").status == 200
        with socket.socket(fileno=os.dup(accepted(client.connection.sock.getsockname()))) as theirs:
            assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def accepted(client: tuple[str, int]) -> int:
    """The descriptor in this process of the server's end of a client's connection."""
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.is_socket() and peer_of(int(descriptor.name)) == client:
            return int(descriptor.name)
    raise AssertionError(f"nobody has accepted {client}")


def peer_of(descriptor: int) -> object:
    with socket.socket(fileno=os.dup(descriptor)) as found:
        try:
            return found.getpeername()
        except OSError:
            return None


def test_other_machines_are_let_in_by_a_token_only(spawn: Spawn, folder: Path) -> None:
    """Without one: exit code 2 and the command that makes one, which works as it stands; then it is asked for."""
    code, out, err = ended(spawn("serve", "--host", "0.0.0.0", "--port", "0"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    (command,) = re.findall(r"'flowforge-graph ([^']+)'", err)
    code, token, _ = ended(spawn(*shlex.split(command)))
    assert code == 0
    token = token.strip()
    with serving("sqlite:///flowforge.db", "--host", "0.0.0.0", folder=folder) as server:
        assert server.url.startswith("http://0.0.0.0:")
        assert [server.ask("GET", path).status for path in ("/health", "/ready")] == [200, 200]
        asked = [("GET", "/api/workflows", None), ("POST", "/api/workflows", {"id": "w"}), ("GET", "/metrics", None)]
        assert [server.ask(*request).status for request in asked] == [401, 401, 401]
        assert [server.ask(*request, token=token).status for request in asked] == [200, 201, 200]
        assert [server.ask(*request, token=token[:-1] + "x").status for request in asked] == [401, 401, 401]
        assert server.stop() == 0
    assert token not in server.said
    assert token[-20:] not in server.said


def test_without_the_api_nothing_listens(sqlite_url: str, tmp_path: Path) -> None:
    """What it serves is said without a URL, and the process holds no socket that listens."""
    with serving(sqlite_url, "--no-api", folder=tmp_path) as server:
        assert server.line_with("serving").rstrip().endswith("flowforge.db; Ctrl-C stops")
        assert listening_sockets(server) == set()
        assert server.stop() == 0
    with serving(sqlite_url, folder=tmp_path) as server:
        assert server.url
        assert len(listening_sockets(server)) == 1
        assert server.stop() == 0


def listening_sockets(server: Serving) -> set[str]:
    """The sockets of a process that listen, by their inodes."""
    process = Path(f"/proc/{server.process.pid}")
    lines = [*(process / "net/tcp").read_text().splitlines(), *(process / "net/tcp6").read_text().splitlines()]
    listening = {f"socket:[{line.split()[9]}]" for line in lines if line.split()[3] == "0A"}
    return listening & {
        str(descriptor.readlink()) for descriptor in (process / "fd").iterdir() if descriptor.is_symlink()
    }


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "prometheus_client"])
def test_a_missing_extra_is_said_with_the_command_that_brings_it(spawn: Spawn, folder: Path, missing: str) -> None:
    """Exit code 2 before anything is served; without the API it is not missed."""
    (folder / "sitecustomize.py").write_text(_BLOCKER.format(missing=missing))
    path = environment(PYTHONPATH=f"{folder}:{ROOT}")
    code, out, err = ended(spawn("serve", "--port", "0", env=path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"'{missing}'" in err
    assert "pip install 'flowforge-graph[api]'" in err
    process = spawn("serve", "--no-api", env=path)
    assert process.stderr is not None
    assert "serving" in next(process.stderr)
    process.terminate()
    assert ended(process)[0] == 0


# What it is for


def test_what_has_no_run_waits_for_its_host(engine: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """A workflow made over REST stays pending until it is completed over REST; its downstream command then runs."""
    with serving(database_url, folder=tmp_path) as server:
        assert server.ask("POST", "/api/workflows", {"id": "up"}).status == 201
        engine.create_workflow("down", run=CommandRun(command=(sys.executable, "-c", "print('ran')")))
        dependency = {"triggerType": "dependency", "dependsOnWorkflowId": "up", "dependencyCondition": "on_success"}
        assert server.ask("POST", "/api/workflows/down/triggers", dependency).status == 201
        execution = server.ask("POST", "/api/workflows/up/execute").document["execution"]
        # What has a run and was started after it shows that the dispatcher has come by.
        later = server.ask("POST", "/api/workflows/down/execute").document["execution"]
        eventually(lambda: status_of(server, later["id"]) == "completed")
        assert status_of(server, execution["id"]) == "pending"
        end = {"status": "completed", "workflowId": "up"}
        answer = server.ask("POST", f"/api/executions/{execution['id']}/complete", end)
        (triggered,) = answer.document["triggered"]
        eventually(lambda: status_of(server, triggered["executionId"]) == "completed")
        whole = server.ask("GET", f"/api/executions/{triggered['executionId']}").document["execution"]
        assert whole["output"] == "ran\n"
        assert server.stop() == 0


def status_of(server: Serving, execution_id: str) -> Any:
    return server.ask("GET", f"/api/executions/{execution_id}").document["execution"]["status"]


# What it tells of itself


def test_a_database_that_is_away_makes_it_not_ready(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """It lives, is not ready and refuses with 503 and Retry-After; when the database is back, so is all of it."""
    name = re.findall(r"@/(\w+)\?", postgres_url)[0]
    with serving(postgres_url, folder=tmp_path) as server:
        assert server.ask("GET", "/ready").status == 200
        postgres_server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres_server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        answers = {path: server.ask("GET", path) for path in ("/health", "/ready", "/api/workflows")}
        assert [answer.status for answer in answers.values()] == [200, 503, 503]
        assert answers["/api/workflows"].headers["Retry-After"] == "1"
        assert list(answers["/api/workflows"].document) == list(answers["/ready"].document) == ["error"]
        server.line_with("trying again in")
        postgres_server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        eventually(lambda: server.ask("GET", "/ready").status == 200)
        assert server.ask("POST", "/api/workflows", {"id": "w"}).status == 201
        assert server.stop() == 0
    assert "Traceback" not in server.said


def test_a_schema_of_another_version_makes_it_not_ready(sqlite_url: str, tmp_path: Path) -> None:
    """Whoever migrated the database under it has made it useless until it is upgraded."""
    with serving(sqlite_url, folder=tmp_path) as server:
        assert server.ask("GET", "/ready").status == 200
        with connected(sqlite_url) as connection:
            connection.execute(text("UPDATE flowforge_graph_version SET version_num = '9999'"))
            connection.commit()
        assert server.ask("GET", "/ready").status == 503
        assert "upgrade" in server.ask("GET", "/ready").document["error"]
        assert server.ask("GET", "/health").status == 200


def test_a_loop_that_hangs_makes_it_not_ready(sqlite_url: str, tmp_path: Path) -> None:
    """It lives; it is ready again when the loop comes round again."""
    with serving(sqlite_url, folder=tmp_path, prelude=_HANGING) as server:
        eventually(lambda: server.ask("GET", "/ready").status == 503)
        assert "scheduler" in server.ask("GET", "/ready").document["error"]
        assert server.ask("GET", "/health").document == {"status": "ok"}
        (tmp_path / "may-go-on").touch()
        eventually(lambda: server.ask("GET", "/ready").status == 200)
        assert server.stop() == 0


def test_a_bug_is_told_in_full_to_who_runs_it_and_not_to_who_asks(sqlite_url: str, tmp_path: Path) -> None:
    """500 without any detail; the traceback is on stderr."""
    with serving(sqlite_url, folder=tmp_path, prelude=_BUG) as server:
        answer = server.ask("GET", "/api/executions/e/verdicts")
        assert (answer.status, list(answer.document)) == (500, ["error"])
        assert "nobody" not in answer.document["error"]
        assert server.ask("GET", "/api/workflows").status == 200
        assert server.stop() == 0
    assert "Traceback (most recent call last)" in server.said
    assert "RuntimeError: nobody thought of this" in server.said


def test_a_bug_is_one_line_where_lines_are_json(sqlite_url: str, tmp_path: Path) -> None:
    """The traceback is in its ``exception``; each other line is JSON too."""
    with serving(sqlite_url, "--log-format", "json", folder=tmp_path, prelude=_BUG) as server:
        url = re.findall(r"API on (http://[\d.:]+);", server.line_with("API on"))[0]
        assert url == server.url
        assert server.ask("GET", "/api/executions/e/verdicts").status == 500
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.lines]
    (bug,) = [line for line in lines if "exception" in line]
    assert bug["level"] == "error"
    assert bug["exception"].endswith("RuntimeError: nobody thought of this")


def test_an_api_that_ends_by_itself_ends_the_server(sqlite_url: str, tmp_path: Path) -> None:
    """Exit code 1 and why, so that whatever watches it starts it again: nobody hangs on a socket that none reads."""
    with serving(sqlite_url, folder=tmp_path, prelude=_MORTAL) as server:
        assert server.ask("GET", "/health").status == 200
        (tmp_path / "end").touch()
        assert server.wait() == 1
    assert "RuntimeError: nobody thought of this" in server.said
    assert server.lines[-1] == "error: the API has ended by itself: start again\n"


def test_no_token_is_ever_written(sqlite_url: str, tmp_path: Path) -> None:
    """Neither one that is believed nor one that is not, whatever goes wrong with its request."""
    with TriggerEngine(sqlite_url) as engine:
        token = engine.create_token(["read"]).text
    for words in ((), ("--log-format", "json")):
        with serving(sqlite_url, *words, folder=tmp_path, prelude=_BUG) as server:
            statuses = [
                server.ask(*request, token=token).status
                for request in [
                    ("GET", "/api/workflows"),
                    ("POST", "/api/workflows", {"id": "w"}),
                    ("GET", "/api/executions/e/verdicts"),
                    ("GET", f"/api/workflows/{token}"),
                    ("GET", f"/api/executions?status={token}"),
                ]
            ]
            assert statuses == [200, 403, 500, 404, 400]
            assert server.ask("GET", f"/api/executions/e/verdicts?token={token}").status == 401
            assert server.stop() == 0
        assert token not in server.said
        assert token.rpartition("_")[2] not in server.said


# Stopping


def test_what_was_asked_is_answered(engine: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """Requests that wait for the database when the signal comes get their answers, and each has its one effect."""
    engine.create_workflow("up")
    engine.create_workflow("down")
    engine.create_trigger(DependencyTrigger(workflow_id="down", depends_on_workflow_id="up"))
    with serving(database_url, folder=tmp_path) as server:
        clients = [server.client() for _ in range(IN_FLIGHT)]
        with held_database(database_url):
            for number, client in enumerate(clients):
                body = json.dumps({"status": "completed", "workflowId": "up"})
                headers = {"Content-Type": "application/json"}
                client.connection.request("POST", f"/api/executions/e{number}/complete", body, headers)
            # Whatever was sent before has been read when the second of these is answered.
            assert [server.ask("GET", "/health").status for _ in range(2)] == [200, 200]
            server.process.terminate()
            eventually(lambda: is_stopping(server))
        answers = [client.connection.getresponse() for client in clients]
        assert [(answer.status, json.loads(answer.read())["triggeredCount"]) for answer in answers] == [(200, 1)] * 20
        for client in clients:
            client.connection.close()
        assert server.wait() == 0
    assert len(engine.list_executions(workflow_id="down", limit=100)) == IN_FLIGHT
    assert "Traceback" not in server.said


@contextmanager
def held_database(url: str) -> Iterator[None]:
    """While the block runs, nobody else can write."""
    statement = "BEGIN IMMEDIATE" if url.startswith("sqlite") else "LOCK TABLE executions IN EXCLUSIVE MODE"
    with connected(url) as connection:
        connection.exec_driver_sql(statement)
        yield
        connection.rollback()


def is_stopping(server: Serving) -> bool:
    """Whether the signal has arrived: it is not ready any more, or does not listen."""
    try:
        return server.ask("GET", "/ready").status == 503
    except (ConnectionError, http.client.HTTPException):
        return True


@pytest.fixture
def waiting(engine: TriggerEngine, tmp_path: Path) -> TriggerEngine:
    """A started workflow that ends when it may, and two that their hosts run, one after the other."""
    (tmp_path / "waiting.py").write_text(_WAITING)
    command = CommandRun(command=(sys.executable, str(tmp_path / "waiting.py")))
    engine.create_workflow("long", run=command, run_folder=str(tmp_path))
    engine.create_workflow("up")
    engine.create_workflow("down", run=command, run_folder=str(tmp_path))
    engine.create_trigger(DependencyTrigger(workflow_id="down", depends_on_workflow_id="up"))
    engine.start("long", execution_id="long")
    return engine


def test_ends_are_heard_while_what_runs_may_go_on(waiting: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """During the grace it lives, is not ready, records completions and starts nothing; then it has ended all."""
    with serving(database_url, "--grace", "600", folder=tmp_path) as server:
        eventually((tmp_path / "runs").exists)
        assert server.url
        server.process.terminate()
        server.line_with("waiting for 1 execution")
        assert server.ask("GET", "/health").status == 200
        assert server.ask("GET", "/ready").document == {"error": "the server is stopping"}
        end = {"status": "completed", "workflowId": "up"}
        answer = server.ask("POST", "/api/executions/elsewhere/complete", end)
        assert (answer.status, answer.document["triggeredCount"]) == (200, 1)
        (tmp_path / "may-end").touch()
        assert server.wait() == 0
    assert waiting.get_execution("long").status == "completed"
    (down,) = waiting.list_executions(workflow_id="down")
    assert (down.status, down.attempt) == ("pending", 0)
    assert "Traceback" not in server.said


def test_what_outlives_the_grace_is_ended_with_its_reason(
    waiting: TriggerEngine, database_url: str, tmp_path: Path
) -> None:
    """The command is stopped, and its execution is settled before the process ends."""
    with serving(database_url, "--grace", "0.1", folder=tmp_path) as server:
        eventually((tmp_path / "runs").exists)
        assert server.url
        assert server.stop() == 0
    assert "stopping what still runs: 1 execution" in server.said
    assert waiting.get_execution("long").status == "cancelled"


def test_a_second_ctrl_c_waits_for_nothing(waiting: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """Exit code 130 while a command and a stream of events go on."""
    from tests.api.streams import following

    with serving(database_url, "--grace", "600", folder=tmp_path) as server, following(server.url) as stream:
        assert stream.next().name == "ready"
        eventually((tmp_path / "runs").exists)
        server.process.send_signal(signal.SIGINT)
        server.line_with("waiting for 1 execution")
        assert server.stop(signal.SIGINT) == 130
    assert "Traceback" not in server.said

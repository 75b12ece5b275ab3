"""API tokens: shown once, hashed at rest, scoped, revocable, and their last use recorded at no caller's cost."""

from __future__ import annotations

import logging
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from flowforge_graph import InvalidToken, NewToken, Token, TokenNotFound, TriggerEngine
from flowforge_graph.engine import tokens
from flowforge_graph.facts import Fact, catalogue
from flowforge_graph.storage.database import Database
from flowforge_graph.storage.tokens import TokenRows
from flowforge_graph.testing import FixedClock
from tests.engine.support import rows, statements_of

MakeEngine = Callable[..., TriggerEngine]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(make_engine: MakeEngine) -> TriggerEngine:
    """An engine without tokens."""
    return make_engine()


def secret_of(new: NewToken) -> str:
    """The part of a token's text that nobody else may know."""
    return new.text.split("_")[2]


def last_uses(engine: TriggerEngine) -> list[datetime | None]:
    """When each token was last used, oldest token first."""
    return [token.last_used_at for token in reversed(engine.list_tokens())]


# Making


def test_a_new_token_is_told_once_and_opens(engine: TriggerEngine, clock: FixedClock) -> None:
    """Its text has the public id and 256 bits in it, and authenticates as what was stored."""
    expiry = clock.now() + timedelta(days=90)
    new = engine.create_token({"write", "read"}, name="nightly flows", expires_at=expiry)
    assert re.fullmatch(rf"ffg_{new.token.id}_[0-9a-f]{{64}}", new.text)
    assert new.token == Token(
        id=new.token.id, name="nightly flows", scopes=("read", "write"), created_at=clock.now(), expires_at=expiry
    )
    assert engine.authenticate(new.text) == new.token
    assert engine.list_tokens() == [new.token.evolve(last_used_at=clock.now())]


def test_tokens_are_listed_newest_first(engine: TriggerEngine, clock: FixedClock) -> None:
    """Also those of one second, and after the clock was set back."""
    names = ["one", "two", "three"]
    for name in names:
        engine.create_token(["read"], name=name)
    clock.advance(seconds=-3_600)
    engine.create_token(["run"], name="four")
    assert [token.name for token in engine.list_tokens()] == ["four", "three", "two", "one"]
    assert len({token.id for token in engine.list_tokens()}) == 4


@pytest.mark.parametrize(
    ("scopes", "fields", "sentence"),
    [
        ([], {}, "scopes must be a list of one or more of read, run, write, not []"),
        ("read", {}, "scopes must be a list of one or more of read, run, write, not 'read'"),
        (None, {}, "scopes must be a list of one or more of read, run, write, not None"),
        (["read", "admin"], {}, "a scope is one of read, run, write, not 'admin'"),
        ([["read"]], {}, "a scope is one of read, run, write, not ['read']"),
        (["read"], {"name": ""}, "name must be text of 1 to 200 printable characters, not ''"),
        (["read"], {"name": "a\nb"}, r"name must be text of 1 to 200 printable characters, not 'a\nb'"),
        (["read"], {"name": "x" * 201}, "name must be text of 1 to 200 printable characters"),
        (
            ["read"],
            {"expires_at": datetime(2030, 1, 1)},
            "expires_at must be a datetime with a time zone, not '2030-01-01T00:00:00'",
        ),
        (["read"], {"expires_at": 90}, "expires_at must be a datetime with a time zone, not 90"),
        (
            ["read"],
            {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
            "expires_at must lie in the future, not at 2026-01-01T00:00:00+00:00",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_makes_no_token_is_refused(
    engine: TriggerEngine, scopes: Any, fields: dict[str, Any], sentence: str
) -> None:
    """One sentence, which is a ValueError, and nothing is stored."""
    with pytest.raises(InvalidToken) as refused:
        engine.create_token(scopes, **fields)
    assert str(refused.value).startswith(sentence)
    assert isinstance(refused.value, ValueError)
    assert engine.has_tokens() is False


def test_a_token_whose_commit_was_lost_is_stored_once(engine: TriggerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try of a transaction that was committed finds the token there."""
    run = Database.run

    def run_twice(self: Database, work: Callable[..., Any], **keywords: Any) -> Any:
        run(self, work, **keywords)
        return run(self, work, **keywords)

    monkeypatch.setattr(Database, "run", run_twice)
    new = engine.create_token(["read"])
    assert engine.authenticate(new.text) == new.token
    assert len(engine.list_tokens()) == 1


# Asking


def spoilt(text: str) -> dict[str, Any]:
    """Texts that are not the token's."""
    word, token_id, secret = text.split("_")
    other = "0" if secret[-1] != "0" else "1"
    return {
        "wrong secret": f"{word}_{token_id}_{secret[:-1]}{other}",
        "unknown id": f"{word}_{'0' * 16}_{secret}",
        "empty": "",
        "its id": token_id,
        "its secret": secret,
        "cut short": text[:-1],
        "one too long": text + "0",
        "overlong": text + "0" * 1_000_000,
        "upper case": text.upper(),
        "with a line feed": text + "\n",
        "with a space": " " + text,
        "with NUL": f"{word}_{token_id}_{secret[:-1]}\0",
        "NUL in its id": f"{word}_{token_id[:-1]}\0_{secret}",
        "other digits": f"{word}_{token_id}_{'٣' * 64}",
        "lone surrogate": f"{word}_{token_id}_{secret[:-1]}\ud800",
        "no ASCII": f"{word}_{token_id}_{'é' * 64}",
        "another word": text.replace("ffg_", "ghp_"),
        "bytes": text.encode(),
        "nothing": None,
        "a number": 7,
    }


def test_nothing_else_opens(engine: TriggerEngine) -> None:
    """Wrong, unknown, malformed, overlong, unstorable: the answer is None, never an error."""
    new = engine.create_token(["read"])
    for what, text in spoilt(new.text).items():
        assert engine.authenticate(text) is None, what
    assert last_uses(engine) == [None]
    assert engine.authenticate(new.text) == new.token


def test_a_secret_opens_its_own_token_only(engine: TriggerEngine) -> None:
    """The id of one with the secret of another is nobody."""
    one, two = engine.create_token(["read"]), engine.create_token(["write"])
    assert engine.authenticate(f"ffg_{one.token.id}_{secret_of(two)}") is None


def test_an_unknown_id_is_compared_like_a_known_one(engine: TriggerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each well formed text costs one comparison of two hashes, so that time tells nothing of which ids there are."""
    new = engine.create_token(["read"])
    compared: list[tuple[int, int]] = []
    compare = tokens.hmac.compare_digest

    def note(one: bytes, two: bytes) -> bool:
        compared.append((len(one), len(two)))
        return bool(compare(one, two))

    monkeypatch.setattr(tokens.hmac, "compare_digest", note)
    texts = spoilt(new.text)
    for text in (new.text, texts["wrong secret"], texts["unknown id"]):
        engine.authenticate(text)
    assert compared == [(64, 64)] * 3


def test_a_token_counts_until_its_expiry(engine: TriggerEngine, clock: FixedClock) -> None:
    """By the engine's clock; from that instant on it does not."""
    new = engine.create_token(["read"], expires_at=clock.now() + timedelta(hours=1))
    clock.advance(seconds=3_599)
    assert engine.authenticate(new.text) is not None
    clock.advance(seconds=1)
    assert engine.authenticate(new.text) is None
    assert engine.list_tokens()[0].state_at(clock.now()) == "expired"


def test_authenticating_is_one_read(engine: TriggerEngine) -> None:
    """Where the use is recorded already; what is malformed is not even looked up."""
    new = engine.create_token(["read"])
    engine.authenticate(new.text)
    with statements_of(engine) as sent:
        assert engine.authenticate(new.text) is not None
        engine.authenticate("ffg_nonsense")
    (statement,) = [each for each in sent if each not in {"COMMIT", "BEGIN IMMEDIATE"}]
    assert statement.startswith("SELECT")


def test_whether_there_is_a_token_counts_those_that_are_over(engine: TriggerEngine, clock: FixedClock) -> None:
    """Once one was made, the API must go on asking."""
    assert engine.has_tokens() is False
    new = engine.create_token(["read"], expires_at=clock.now() + timedelta(hours=1))
    assert engine.has_tokens() is True
    clock.advance(minutes=120)
    engine.revoke_token(new.token.id)
    assert engine.has_tokens() is True


# Revoking


def test_a_revoked_token_opens_nothing(engine: TriggerEngine, make_engine: MakeEngine, clock: FixedClock) -> None:
    """From then on, in every process; revoking again answers the same."""
    new, other = engine.create_token(["read"]), engine.create_token(["read"])
    revoked = engine.revoke_token(new.token.id)
    assert revoked == new.token.evolve(revoked_at=clock.now())
    clock.advance(minutes=5)
    assert engine.revoke_token(new.token.id) == revoked
    for each in (engine, make_engine()):
        assert each.authenticate(new.text) is None
        assert each.authenticate(other.text) is not None


def test_the_text_names_its_token_and_is_not_repeated(engine: TriggerEngine) -> None:
    """Who finds a text that leaked revokes it by that text, and no error says more than the id."""
    new = engine.create_token(["read"])
    secret = secret_of(new)
    with pytest.raises(TokenNotFound) as missing:
        engine.revoke_token(f"ffg_{'0' * 16}_{secret}")
    assert str(missing.value) == "there is no API token '0000000000000000'"
    assert secret not in repr(missing.value)
    assert engine.revoke_token(new.text[:-5]).id == new.token.id
    assert engine.authenticate(new.text) is None


@pytest.mark.parametrize("token_id", ["nobody", "", "a\0b", "\ud800", "x" * 100_000])
def test_an_unknown_token_is_not_found(engine: TriggerEngine, token_id: str) -> None:
    """Whatever was named."""
    with pytest.raises(TokenNotFound, match="there is no API token"):
        engine.revoke_token(token_id)


REVOKE = """
import sys
from flowforge_graph import TriggerEngine
with TriggerEngine(sys.argv[1]) as engine:
    told = []
    engine.subscribe(told.append)
    sys.stdin.readline()
    token = engine.revoke_token(sys.argv[2])
    print(token.revoked_at.isoformat(), [fact.event for fact in told])
"""


def test_two_processes_revoke_once(make_engine: MakeEngine, database_url: str) -> None:
    """Both are answered the same instant, and one of them tells the fact."""
    token = make_engine().create_token(["read"]).token
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", REVOKE, database_url, token.id],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0].split(" ", 1) for process in processes]
    assert len({instant for instant, _ in answers}) == 1
    assert sorted(told.strip() for _, told in answers) == ["['token.revoked']", "[]"]


# The last use


def test_the_last_use_is_recorded_once_a_minute(engine: TriggerEngine, clock: FixedClock) -> None:
    """However often the token is used, by the engine's clock; each token for itself."""
    one, two = engine.create_token(["read"]), engine.create_token(["read"])
    first = clock.now()
    with statements_of(engine) as sent:
        for _ in range(100):
            engine.authenticate(one.text)
            clock.advance(seconds=0.5)
    assert len([each for each in sent if each.startswith("UPDATE")]) == 1
    assert last_uses(engine) == [first, None]
    clock.advance(seconds=10)
    engine.authenticate(one.text)
    engine.authenticate(two.text)
    assert last_uses(engine) == [clock.now(), clock.now()]


def test_another_process_recorded_it_already(make_engine: MakeEngine, clock: FixedClock) -> None:
    """What is stored counts, whoever stored it."""
    one, two = make_engine(), make_engine()
    new = one.create_token(["read"])
    one.authenticate(new.text)
    with statements_of(two) as sent:
        clock.advance(seconds=59)
        two.authenticate(new.text)
    assert not [each for each in sent if each.startswith(("UPDATE", "BEGIN"))]


def test_a_clock_set_back_is_recorded(engine: TriggerEngine, clock: FixedClock) -> None:
    """A last use of the future is corrected by the next one."""
    new = engine.create_token(["read"])
    clock.advance(minutes=60)
    engine.authenticate(new.text)
    clock.advance(seconds=-1_800)
    engine.authenticate(new.text)
    assert last_uses(engine) == [clock.now()]


def lock_the_tokens(url: str) -> Callable[[], None]:
    """Hold the lock that recording a use needs, from outside of the engine; answers what lets it go."""
    if url.startswith("sqlite"):
        from flowforge_graph.storage import sqlite

        other = sqlite._driver().connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        return lambda: (other.execute("ROLLBACK"), other.close())[0]
    host = create_engine(url)
    connection = host.connect()
    connection.exec_driver_sql("LOCK TABLE api_tokens IN SHARE ROW EXCLUSIVE MODE")
    return lambda: (connection.close(), host.dispose())[1]


def test_a_held_lock_is_not_waited_for(engine: TriggerEngine, database_url: str, clock: FixedClock) -> None:
    """The call is answered, nothing is told, and the use is kept for the next call after a second."""
    new = engine.create_token(["read"])
    told: list[Fact] = []
    engine.subscribe(told.append)
    release = lock_the_tokens(database_url)
    used_at = clock.now()
    with statements_of(engine) as sent:
        for _ in range(20):
            assert engine.authenticate(new.text) == new.token
    assert len([each for each in sent if each.startswith(("BEGIN", "SET LOCAL"))]) <= 51
    assert last_uses(engine) == [None]
    release()
    engine.authenticate(new.text)
    assert last_uses(engine) == [None]
    clock.advance(seconds=1)
    engine.authenticate(new.text)
    assert last_uses(engine) == [used_at]
    assert told == []


def test_another_thread_that_writes_is_not_waited_for(engine: TriggerEngine, clock: FixedClock) -> None:
    """SQLite has one writer: while it is another thread of this process, the use waits, not the call."""
    new = engine.create_token(["read"])
    writes, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with engine._context.store.database.write() as connection:
            connection.exec_driver_sql("UPDATE api_tokens SET name = 'held'")
            writes.set()
            may_end.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert writes.wait(60)
    assert engine.authenticate(new.text) is not None
    may_end.set()
    holder.join()
    assert last_uses(engine) == [None]
    clock.advance(seconds=1)
    engine.authenticate(new.text)
    assert last_uses(engine) == [clock.now() - timedelta(seconds=1)]


def test_a_connection_is_as_patient_as_before(sqlite_url: str, make_engine: MakeEngine) -> None:
    """The short patience of recording a use does not stay with the pooled connection."""
    engine = make_engine(sqlite_url)
    engine.authenticate(engine.create_token(["read"]).text)
    assert rows(engine, "PRAGMA busy_timeout") == [(10_000,)]


def test_what_waits_is_recorded_at_the_close(make_engine: MakeEngine, database_url: str, clock: FixedClock) -> None:
    """A token that was used once only is not said to be unused."""
    engine = make_engine()
    new = engine.create_token(["read"])
    release = lock_the_tokens(database_url)
    engine.authenticate(new.text)
    release()
    engine.close()
    assert last_uses(make_engine()) == [clock.now()]


def test_a_database_that_takes_no_writes_fails_no_call(
    engine: TriggerEngine, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is answered; the fault is told once a minute, and the use is recorded when it is over."""
    new = engine.create_token(["read"])
    told: list[Fact] = []
    engine.subscribe(told.append)
    used_at = clock.now()
    with monkeypatch.context() as fault:
        fault.setattr(TokenRows, "record_uses", lambda _, connection, *__, **___: connection.exec_driver_sql("x"))
        for seconds in (0, 30, 29, 1, 1):
            clock.advance(seconds=seconds)
            assert engine.authenticate(new.text) == new.token
    assert [fact.event for fact in told] == ["token.use_not_recorded"] * 2
    clock.advance(seconds=58)
    engine.authenticate(new.text)
    assert last_uses(engine) == [None]
    clock.advance(seconds=1)
    engine.authenticate(new.text)
    assert last_uses(engine) != [None]
    assert used_at < engine.list_tokens()[0].last_used_at  # type: ignore[operator]


# Secrecy


def test_the_secret_is_nowhere_but_in_the_text(
    engine: TriggerEngine, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in reprs, pickles, logs, facts, errors nor in any row of the database."""
    caplog.set_level(logging.DEBUG)
    told: list[Fact] = []
    engine.subscribe(told.append)
    new = engine.create_token(["read"], name="n")
    engine.authenticate(new.text)
    for text in spoilt(new.text).values():
        engine.authenticate(text)
    engine.revoke_token(new.text)
    secret = secret_of(new)
    tables = [table.name for table in engine._context.store.database.tables.metadata.sorted_tables]
    stored = [row for table in tables for row in rows(engine, f"SELECT * FROM {table}")]
    seen = [repr(new), str(new), repr(new.token), repr(engine.list_tokens()), repr(told), repr(stored), caplog.text]
    seen += [repr(vars(record)) for record in caplog.records]
    assert any(isinstance(fact, catalogue.TokenRevoked) for fact in told)
    assert new.token.id in repr(stored)
    for text in seen:
        assert secret not in text
        assert secret[:32] not in text
    assert secret.encode() not in pickle.dumps(new.token)
    if database_url.startswith("sqlite"):
        assert secret.encode() not in Path(database_url.removeprefix("sqlite:///")).read_bytes()


def test_a_token_tells_no_hash(engine: TriggerEngine) -> None:
    """What is listed has no field that an offline guess could start from."""
    engine.create_token(["read"])
    ((stored,),) = rows(engine, "SELECT secret_hash FROM api_tokens")
    assert re.fullmatch(r"[0-9a-f]{64}", stored)
    assert stored not in repr(engine.list_tokens()[0].model_dump())


def test_a_token_value_crosses_processes(engine: TriggerEngine) -> None:
    """It pickles, and is equal and hashable on the other side."""
    token = engine.create_token(["run"]).token
    assert {pickle.loads(pickle.dumps(token)), token} == {token}

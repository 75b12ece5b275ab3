"""A program of its own that runs one command and ends all of it when the engine says so, or dies.

Run as ``python -I -S supervisor.py STATUS_FD STOP_GRACE SHORT_GRACE PROGRAM ARGUMENT…``: the standard library only,
so that it is ready within milliseconds. It never imports this package.

- Standard input is the pipe from the engine. A byte asks for a stop (TERM, ``STOP_GRACE`` seconds, KILL); its end
  means that the engine is gone (TERM, ``SHORT_GRACE`` seconds, KILL).
- ``STATUS_FD`` is the pipe to the engine: ``started PID`` before the command begins, then ``refused ERRNO``, or ``ended
  RETURNCODE`` (negative: the signal) and, when nothing of the command is left, ``gone``.
- Standard output and error are the command's. Any further inherited descriptor (the lock) is the command's too.

What is promised: the command's process group ends. On Linux the supervisor is also a subreaper: descendants that left
the group come back to it and are ended as well. Should the supervisor itself be killed, the kernel kills the command
(PR_SET_PDEATHSIG; the supervisor has one thread, so that the signal means its death and nothing else), and the engine
ends the rest of the group.
"""

from __future__ import annotations

import errno
import math
import os
import select
import signal
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Python ignores the last two for itself, and what is ignored stays ignored in the command.
OWN_SIGNALS = (*STOP_SIGNALS, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)
ROUND_SECONDS = 0.05


def set_process_control(option: int, value: int) -> bool:
    """Call prctl(2); False where this system has none."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def report(status_fd: int, line: str) -> None:
    """Tell the engine; where it is gone there is nobody to tell."""
    with suppress(OSError):
        os.write(status_fd, f"{line}\n".encode())


def start_command(command: list[str], status_fd: int) -> int:
    """Start ``command`` as the leader of a session of its own and return its process id; raise OSError if it cannot.

    It begins only after its process id was reported: at no instant does something run that the engine cannot end.
    """
    supervisor = os.getpid()
    gate, gate_opener = os.pipe()
    failure_reader, failure_writer = os.pipe()
    leader = os.fork()
    if leader == 0:
        os.close(gate_opener)
        become_command(command, gate=gate, failure_writer=failure_writer, supervisor=supervisor)
    os.close(failure_writer)
    report(status_fd, f"started {leader}")
    os.write(gate_opener, b"!")
    with open(failure_reader, "rb") as failures:
        number = failures.read()
    if number:
        os.waitpid(leader, 0)
        raise OSError(int(number), os.strerror(int(number)))
    return leader


def become_command(command: list[str], *, gate: int, failure_writer: int, supervisor: int) -> None:
    """Turn this fork into ``command`` once the gate opens, or write the error number and end."""
    number = errno.EIO
    try:
        os.setsid()
        set_process_control(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == supervisor and os.read(gate, 1):
            for own in OWN_SIGNALS:
                signal.signal(own, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.execvp(command[0], command)
    except OSError as error:
        number = error.errno or errno.EIO
    finally:
        os.write(failure_writer, str(number).encode())
        os._exit(127)


def processes_below() -> list[int]:
    """The processes directly below this one, dead ones not yet reaped included; empty where nothing tells."""
    with suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as numbers:
        return [int(number) for number in numbers.read().split()]
    return []


class Supervision:
    """The command from its start until nothing of it is left."""

    def __init__(self, leader: int, status_fd: int, *, adopts_orphans: bool) -> None:
        self.leader = leader
        self.status_fd = status_fd
        self.adopts_orphans = adopts_orphans
        self.leader_ended = False
        self.deadline = math.inf
        self.asked: set[int] = set()

    @property
    def is_stopping(self) -> bool:
        return self.deadline < math.inf

    def stop(self, grace_seconds: float) -> None:
        """Ask everything to end; what is left after ``grace_seconds`` is killed. An earlier deadline stands."""
        self.deadline = min(self.deadline, time.monotonic() + grace_seconds)

    def reap(self) -> bool:
        """Collect what has ended; False when nothing is left."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return not self.adopts_orphans and self.signal_group(self.leader, 0)
            if process == 0:
                return True
            if process == self.leader:
                self.leader_ended = True
                report(self.status_fd, f"ended {os.waitstatus_to_exitcode(status)}")

    def end_what_is_left(self) -> None:
        """One round: TERM once for every group, and KILL for all of them once the deadline has passed."""
        if time.monotonic() >= self.deadline:
            for group in self.groups():
                self.signal_group(group, signal.SIGKILL)
            return
        for group in self.groups() - self.asked:
            self.asked.add(group)
            self.signal_group(group, signal.SIGTERM)

    def groups(self) -> set[int]:
        """The process groups of the command and of what came back to us. Ours is never among them: we are in another
        session, and a process cannot join a group of another session."""
        groups: set[int] = set()
        for process in processes_below():
            with suppress(ProcessLookupError):
                groups.add(os.getpgid(process))
        if not self.leader_ended or not self.adopts_orphans:
            groups.add(self.leader)
        return groups

    def signal_group(self, group: int, number: int) -> bool:
        """Send signal ``number`` to ``group``; False if it is gone."""
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def watch_signals() -> int:
    """Turn the signals of interest into bytes of a pipe; return its reading end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return reader


def supervise(supervision: Supervision, signals: int, *, stop_grace: float, short_grace: float) -> None:
    """Watch the engine and the command until nothing of the command is left."""
    poll = select.poll()
    poll.register(signals, select.POLLIN)
    poll.register(0, select.POLLIN)
    while supervision.reap():
        if supervision.leader_ended:
            supervision.stop(short_grace)
        if supervision.is_stopping:
            supervision.end_what_is_left()
        ready = {fd for fd, _ in poll.poll(ROUND_SECONDS * 1000 if supervision.is_stopping else None)}
        if signals in ready and set(os.read(signals, 4096)) & set(STOP_SIGNALS):
            supervision.stop(short_grace)
        if 0 in ready and os.read(0, 4096):
            supervision.stop(stop_grace)
        elif 0 in ready:
            poll.unregister(0)
            supervision.stop(short_grace)


def let_go_of_output() -> None:
    """Only the command writes to the output: its end must be the end of the output."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def main(arguments: list[str]) -> None:
    """Run the command that ``arguments`` name and end all of it."""
    status_fd = int(arguments[0])
    os.set_inheritable(status_fd, False)
    signals = watch_signals()
    adopts_orphans = set_process_control(PR_SET_CHILD_SUBREAPER, 1)
    try:
        leader = start_command(arguments[3:], status_fd)
    except OSError as error:
        report(status_fd, f"refused {error.errno}")
        return
    supervision = Supervision(leader, status_fd, adopts_orphans=adopts_orphans)
    let_go_of_output()
    supervise(supervision, signals, stop_grace=float(arguments[1]), short_grace=float(arguments[2]))
    report(status_fd, "gone")


if __name__ == "__main__":
    main(sys.argv[1:])

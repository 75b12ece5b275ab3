"""Steps: what is done to a world, as values that can be printed, read back and left out.

A script is one step a line, each written like a call::

    start(node=0, execution='e1', workflow='a')
    complete(node=1, execution='e1', status='completed', crash_at='after commit 1')
    dispatch(node=0, meanwhile=cancel(node=1, execution='e1>t1'), meanwhile_at='after commit 1')
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

_FRAME = ("node", "crash_at", "meanwhile", "meanwhile_at")

_POINT = re.compile(r"(before (begin|write|commit|start)|after (commit|start)) [1-9][0-9]*")

# Between two transactions: nobody else can write within one.
PLACES_FOR_OTHERS = ("before begin", "after commit", "before start", "after start")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One call on one node.

    Attributes:
        action: the name of a method of the simulated world's actions.
        node: which engine is asked.
        arguments: what it is asked; text, numbers, lists and mappings only.
        crash_at: the point at which the node's process dies, e.g. ``"before commit 1"``; None: it lives.
        meanwhile: what another node does when this one reaches the point ``meanwhile_at``.
    """

    action: str
    node: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    crash_at: str | None = None
    meanwhile: Step | None = None
    meanwhile_at: str | None = None

    def __post_init__(self) -> None:
        if self.crash_at is not None and not _POINT.fullmatch(self.crash_at):
            raise ValueError(
                f"crash_at must be a point like 'before write 2' or 'after commit 1', not {self.crash_at!r}"
            )
        if self.meanwhile_at is not None and not self.meanwhile_at.startswith(PLACES_FOR_OTHERS):
            raise ValueError(f"meanwhile_at must be one of {', '.join(PLACES_FOR_OTHERS)}, not {self.meanwhile_at!r}")

    def __str__(self) -> str:
        shown = [f"node={self.node}", *(f"{name}={value!r}" for name, value in self.arguments.items())]
        if self.crash_at is not None:
            shown.append(f"crash_at={self.crash_at!r}")
        if self.meanwhile is not None:
            shown.append(f"meanwhile={self.meanwhile}, meanwhile_at={self.meanwhile_at!r}")
        return f"{self.action}({', '.join(shown)})"

    def undisturbed(self) -> Step:
        """The same without a crash and without another node in between: how a caller asks again."""
        return replace(self, crash_at=None, meanwhile=None, meanwhile_at=None)


def step(action: str, node: int = 0, **arguments: Any) -> Step:
    """A step from plain arguments."""
    return Step(action=action, node=node, arguments=arguments)


def script_of(steps: Iterable[Step]) -> str:
    """The script of these steps, one a line."""
    return "\n".join(map(str, steps))


def parse_script(script: str) -> list[Step]:
    """The steps of a script; empty lines and ``#`` comments are passed over. Raises ValueError with the line."""
    steps = []
    for number, line in enumerate(script.splitlines(), 1):
        if line.strip() and not line.strip().startswith("#"):
            try:
                steps.append(_step_of(ast.parse(line.strip(), mode="eval").body))
            except (ValueError, SyntaxError) as error:
                raise ValueError(f"line {number} is no step: {line.strip()}: {error}") from None
    return steps


def as_steps(script: str | Sequence[Step]) -> list[Step]:
    """The steps of a script, read or already made."""
    return parse_script(script) if isinstance(script, str) else list(script)


def _step_of(call: ast.expr) -> Step:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise ValueError("a step is written like a call with named arguments")
    values = {str(keyword.arg): _value_of(keyword) for keyword in call.keywords}
    frame = {name: values.pop(name) for name in _FRAME if name in values}
    return Step(action=call.func.id, arguments=values, **frame)


def _value_of(keyword: ast.keyword) -> Any:
    return _step_of(keyword.value) if keyword.arg == "meanwhile" else ast.literal_eval(keyword.value)

"""Runs one Python callable ``module:function`` in this process."""

from __future__ import annotations

import asyncio
import inspect
import os
import traceback
from collections.abc import Callable
from typing import Any, Final

from flowforge_graph.engine.protocols import ExecutionEnd
from flowforge_graph.executors.local.held import Held, stopped_end
from flowforge_graph.executors.local.imports import NotCallable, find_function
from flowforge_graph.executors.local.output import KeptOutput
from flowforge_graph.model import Execution, PythonRun

_MAX_SAID: Final = 500


def run_callable(held: Held, run: PythonRun, *, output_limit: int, monotonic: Callable[[], float]) -> ExecutionEnd:
    """Call the function with the execution; its return value is ignored, and an ``async`` one is awaited.

    A thread cannot be stopped: a callable that was cancelled runs to its end, whatever it is, and is then reported as
    cancelled. No timeout holds for it, for the same reason. What it prints is this process's output.
    """
    began = monotonic()
    error: str | None = None
    trace: str | None = None
    if not held.stopping.is_set():
        try:
            _call(find_function(run.python, held.workflow.run_folder or os.getcwd()), held.execution)
        except NotCallable as problem:
            error, trace = str(problem), _trace(problem.__cause__, output_limit)
        except BaseException as problem:  # noqa: BLE001 - SystemExit must not end the thread; all are reported
            error, trace = _sentence(run.python, problem), _trace(problem, output_limit)
    cause = held.outcome_is_known()
    duration_ms = round((monotonic() - began) * 1000)
    if cause is not None:
        return stopped_end(cause, output=trace, duration_ms=duration_ms)
    return ExecutionEnd(
        status="completed" if error is None else "failed", error=error, output=trace, duration_ms=duration_ms
    )


def _call(function: Callable[[Execution], Any], execution: Execution) -> None:
    result = function(execution)
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _sentence(name: str, error: BaseException) -> str:
    said = " ".join(traceback.format_exception_only(error)[-1].split())
    said = said if len(said) <= _MAX_SAID else f"{said[:_MAX_SAID]}…"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return f"{name} raised {said}{where}"


def _trace(error: BaseException | None, limit: int) -> str | None:
    if error is None:
        return None
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    lines = traceback.format_exception(type(error), error, frames)
    kept = KeptOutput(limit)
    for line in lines:
        kept.add(line.encode("utf-8", "replace"))
    return kept.text()

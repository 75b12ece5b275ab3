"""``notify_completion``: the last line of a flow, which must never be what makes the flow fail."""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
import time
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError

from flowforge_graph.client.calls import Call, checked_call
from flowforge_graph.client.notices import CompletionNotice, notice_of
from flowforge_graph.client.posting import LARGEST_BODY, Answer, post
from flowforge_graph.errors import FlowforgeGraphError, NotifyError, shown
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import CompletionNotified, CompletionNotNotified, NotifyRetried

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from flowforge_graph.model import ExternalEnd

# What may pass: told again, the engine answers the same, so that a lost answer is no reason not to repeat.
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
# A server that hangs leaves time for another try, perhaps by another server.
_TRIES_AT_LEAST: Final = 3
_FIRST_WAIT_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 5.0
_LONGEST_ERROR: Final = 300
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


def notify_completion(
    execution_id: str,
    workflow_id: str,
    status: str,
    api_base_url: str | None = None,
    *,
    end: ExternalEnd | None = None,
    token: str | None = None,
    timeout_seconds: float = 30.0,
    raise_on_error: bool = False,
) -> CompletionNotice | None:
    """Tell FlowForge's API that an execution ended; what its triggers ask for starts there.

    Telling it again is safe: the answer is the same, and nothing starts twice. Connection faults, timeouts and the
    statuses 429, 500, 502, 503 and 504 are tried again, with growing, jittered waits and after what ``Retry-After``
    says, all within ``timeout_seconds``. Blocks; in a coroutine, ``await asyncio.to_thread(notify_completion, …)``.

    Args:
        execution_id: the execution that ended (``FLOWFORGE_EXECUTION_ID`` where the engine started it).
        workflow_id: its workflow; an execution that the API has never seen is recorded for it.
        status: ``completed``, ``failed`` or ``cancelled``.
        api_base_url: ``http://host:8000``, with or without ``/api``; default: ``FLOWFORGE_API_URL``.
        end: how the run of another engine ended, where this was one: what that engine starts again under the same
            id is then an execution of its own.
        token: an API token with the scope ``run``; default: ``FLOWFORGE_API_TOKEN``, else none is shown.
        timeout_seconds: the time for all tries and waits together.
        raise_on_error: raise what otherwise is logged only.

    Returns:
        What was started and what was not; None where the API could not be told, or what it answered is no answer.

    Raises:
        InvalidExecution: with ``raise_on_error``, for an argument that cannot be accepted; nothing was sent.
        NotifyError: with ``raise_on_error``, where the API could not be told.
    """
    tries = _Tries()
    try:
        call = checked_call(
            execution_id=execution_id,
            workflow_id=workflow_id,
            status=status,
            end=end,
            base_url=api_base_url,
            token=token,
            timeout_seconds=timeout_seconds,
        )
        notice = _tell(call, tries)
    except _TryFailed as failed:
        failure: FlowforgeGraphError = NotifyError(failed.sentence, failed.status_code, tries.number)
    except FlowforgeGraphError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - whatever goes wrong here, the flow goes on; it is logged and answered
        failure = NotifyError(_words_of_a_bug(error), None, tries.number)
    else:
        _log_success(notice, tries.number)
        return notice
    log(
        CompletionNotNotified(
            execution_id=_text(execution_id),
            workflow_id=_text(workflow_id),
            status=_text(status),
            tries=tries.number,
            error=str(failure),
        )
    )
    if raise_on_error:
        raise failure
    return None


@dataclass(kw_only=True, slots=True)
class _Tries:
    """How often the API was asked."""

    number: int = 0


class _TryFailed(Exception):
    """One try did not bring an answer; ``may_pass``: another one may."""

    def __init__(
        self,
        sentence: str,
        *,
        may_pass: bool,
        status_code: int | None = None,
        retry_after_seconds: float = 0.0,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.may_pass = may_pass
        self.status_code = status_code
        self.retry_after_seconds = retry_after_seconds


# Telling


def _tell(call: Call, tries: _Tries) -> CompletionNotice:
    """Ask until there is an answer, no other one is to be expected, or the time is over."""
    from tenacity import Retrying, retry_if_exception, stop_before_delay

    deadline = time.monotonic() + call.timeout_seconds
    retrying = Retrying(
        stop=stop_before_delay(call.timeout_seconds),
        wait=_seconds_to_wait,
        retry=retry_if_exception(lambda error: isinstance(error, _TryFailed) and error.may_pass),
        before_sleep=lambda state: _log_retry(call, state),
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            tries.number += 1
            left = deadline - time.monotonic()
            return _try(call, timeout_seconds=max(min(left, call.timeout_seconds / _TRIES_AT_LEAST), 0.001))
    raise AssertionError("unreachable")


def _seconds_to_wait(state: RetryCallState) -> float:
    from tenacity import wait_random_exponential

    failed = _failure_of(state)
    backoff = wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS)(state)
    return max(backoff, failed.retry_after_seconds)


def _failure_of(state: RetryCallState) -> _TryFailed:
    failed = None if state.outcome is None else state.outcome.exception()
    assert isinstance(failed, _TryFailed)
    return failed


def _try(call: Call, *, timeout_seconds: float) -> CompletionNotice:
    try:
        answer = post(call.url, call.body, call.headers, timeout_seconds=timeout_seconds)
    except TimeoutError:
        raise _TryFailed(f"{call.root} did not answer within {timeout_seconds:.1f} s", may_pass=True) from None
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(call, error) from error
    if answer.status_code // 100 != 2:
        raise _refused(call, answer)
    return _understood(call, answer)


def _unreachable(call: Call, error: Exception) -> _TryFailed:
    cause = error.reason if isinstance(error, URLError) else error
    words = call.without_token(str(cause)) or type(cause).__name__
    # A certificate does not become right by asking again.
    may_pass = not isinstance(cause, ssl.SSLCertVerificationError)
    return _TryFailed(f"{call.root} could not be reached: {words[:_LONGEST_ERROR]}", may_pass=may_pass)


def _refused(call: Call, answer: Answer) -> _TryFailed:
    phrase, said = call.without_token(answer.phrase)[:80], _error_in(call, answer)
    if answer.status_code // 100 == 3:
        said = (
            f": it has moved, to {shown(call.without_token(answer.location or 'nowhere'))}; name that address instead"
        )
    return _TryFailed(
        f"{call.root} answered {answer.status_code} ({phrase}){said}",
        may_pass=answer.status_code in _PASSING,
        status_code=answer.status_code,
        retry_after_seconds=_seconds_of(answer.retry_after),
    )


def _error_in(call: Call, answer: Answer) -> str:
    """What the API says is wrong, ready to follow its status."""
    document = _document_of(answer)
    said = document.get("error") if isinstance(document, dict) else None
    return f": {call.without_token(said)[:_LONGEST_ERROR]}" if isinstance(said, str) and said else ""


def _understood(call: Call, answer: Answer) -> CompletionNotice:
    notice = notice_of(
        _document_of(answer), execution_id=call.execution_id, workflow_id=call.workflow_id, status=call.status
    )
    if notice is None:
        raise _TryFailed(
            f"{call.root} answered {answer.status_code}, but what it said is no answer to a completion:"
            " is it FlowForge's API?",
            may_pass=False,
            status_code=answer.status_code,
        )
    return notice


def _document_of(answer: Answer) -> Any:
    if len(answer.body) >= LARGEST_BODY:
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _seconds_of(retry_after: str | None) -> float:
    """What ``Retry-After`` asks for: seconds or a date; 0 for nothing that can be read."""
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return 0.0
    aware = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


# What is said of it


def _log_success(notice: CompletionNotice, tries: int) -> None:
    log(
        CompletionNotified(
            execution_id=notice.execution_id,
            workflow_id=notice.workflow_id,
            status=notice.status,
            triggered=notice.triggered_count,
            skipped=notice.skipped_count,
            tries=tries,
        )
    )


def _log_retry(call: Call, state: RetryCallState) -> None:
    log(
        NotifyRetried(
            execution_id=call.execution_id,
            tries=state.attempt_number,
            retry_seconds=round(state.upcoming_sleep, 1),
            error=_failure_of(state).sentence,
        )
    )


def _words_of_a_bug(error: Exception) -> str:
    # No traceback: nobody knows what the text of an unexpected error repeats.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"a bug: {type(error).__name__} in {os.path.basename(place.filename)}, line {place.lineno}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else shown(value)

"""What is kept of what a command prints."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.executors.local.output import KeptOutput
from tests.executors.conftest import MakeExecutor
from tests.executors.hosts import RememberingHost, command, execution, run_all


def kept(data: bytes, limit: int, size: int = 7) -> str:
    """What is kept of ``data`` that comes in chunks of ``size``."""
    output = KeptOutput(limit)
    for begin in range(0, len(data), size):
        output.add(data[begin : begin + size])
    return output.text()


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.integers(1, 9))
def test_output_within_the_limit_is_kept_whole(text: str, size: int) -> None:
    """However it is cut into chunks, it comes out as it went in."""
    data = text.encode()
    assert kept(data, max(2, len(data)), size) == text


@given(st.text("aé→😀", min_size=30), st.integers(2, 29), st.integers(1, 9))
def test_output_beyond_the_limit_keeps_both_ends(text: str, limit: int, size: int) -> None:
    """The beginning and the end are whole characters of the text, and together no larger than the limit."""
    head, marker, tail = kept(text.encode(), limit, size).split("\n")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len((head + tail).encode()) <= limit
    assert marker == f"… {len(text.encode()) - limit:,} bytes left out …"


def test_what_no_database_can_hold_is_replaced() -> None:
    """NUL and bytes that are not UTF-8 become the replacement character."""
    assert kept(b"a\0b\xffc", 10) == "a\ufffdb\ufffdc"


def test_standard_output_and_error_come_in_order(make_executor: MakeExecutor, host: RememberingHost) -> None:
    """Both go into one pipe: the order of writing is the order kept."""
    run_all(make_executor(), [(execution(), command("sh", "-c", "echo 1; echo 2 >&2; echo 3; echo 4 >&2"))])
    assert host.ends["e-1"].output == "1\n2\n3\n4\n"


def test_a_flood_neither_blocks_nor_fills_memory(make_executor: MakeExecutor, host: RememberingHost) -> None:
    """Of fifty megabytes both ends are kept, and the count of what was left out."""
    flood = "head -c 50000000 /dev/zero | tr '\\0' x; echo end"
    run_all(make_executor(output_limit=1_000), [(execution(), command("sh", "-c", flood))])
    end = host.ends["e-1"]
    assert end.status == "completed"
    assert end.output == f"{'x' * 500}\n… 49,999,004 bytes left out …\n{'x' * 496}end\n"


def test_an_endless_flood_can_be_stopped(make_executor: MakeExecutor, host: RememberingHost) -> None:
    """A command that never stops printing ends at its timeout."""
    run_all(make_executor(output_limit=1_000), [(execution(), command("yes", timeout_seconds=1))])
    assert host.ends["e-1"].reason == "timeout"
    assert len(host.ends["e-1"].output or "") < 1_100

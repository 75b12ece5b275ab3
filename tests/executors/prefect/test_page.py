"""What docs/prefect.md shows is what happens on a real server."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from flowforge_graph.executors.prefect.server import PrefectServer
from tests.cli.conftest import Answer, cli, folder
from tests.executors.prefect.flows import ask
from tests.support.documents import ROOT, blocks_of, failures_of_session, shown_commands, without_changing_parts
from tests.support.prefect_servers import PrefectProcess

__all__ = ["cli", "folder"]

PAGE = ROOT / "docs" / "prefect.md"


def test_the_page_goes_as_it_says(
    cli: Callable[..., Answer],
    folder: Path,
    prefect: PrefectServer,
    prefect_process: PrefectProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its file is applied, its commands print what stands below them, and its session goes on from there."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_process.api_url)
    flow_id = ask(prefect, lambda client: client.create_flow_from_name("rows"))
    pool = _work_pool(prefect)
    ask(prefect, lambda client: client.create_deployment(flow_id, "production", work_pool_name=pool))
    (folder / "nightly.yaml").write_text(blocks_of(PAGE, "yaml")[0].text, encoding="utf-8")
    for shown in shown_commands(PAGE):
        answer = cli(*shlex.split(shown.command)[1:])
        assert answer.code == 0, answer.err
        assert without_changing_parts(answer.out) == without_changing_parts(shown.output), shown.command
    assert failures_of_session(PAGE) == ""


def _work_pool(prefect: PrefectServer) -> str:
    from prefect.client.schemas.actions import WorkPoolCreate

    return ask(prefect, lambda client: client.create_work_pool(WorkPoolCreate(name="page", type="process"))).name

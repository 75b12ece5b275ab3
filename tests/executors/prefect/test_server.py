"""The connection to Prefect: it works with what the extra installs, and says in one sentence what does not."""

from __future__ import annotations

import socket
from uuid import uuid4

import pytest

from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer
from tests.executors.prefect.proxy import Proxy
from tests.support.prefect_servers import free_port


def test_the_server_of_the_extra_starts_and_takes_a_flow_run(prefect: PrefectServer) -> None:
    """With a newer FastAPI, 3.8.8 starts and then breaks at the first request of this kind."""
    flow_id = prefect.ask(lambda client: client.create_flow_from_name("any"))
    deployment_id = prefect.ask(lambda client: client.create_deployment(flow_id, "one"))
    run = prefect.ask(lambda client: client.create_flow_run_from_deployment(deployment_id))
    assert prefect.ask(lambda client: client.read_flow_run(run.id)).deployment_id == deployment_id


def test_what_prefect_does_not_have_is_none(prefect: PrefectServer) -> None:
    """Not found is an answer, not a fault."""
    assert prefect.find(lambda client: client.read_deployment(uuid4())) is None


def test_a_refusal_does_not_pass(prefect: PrefectServer) -> None:
    """What the server says is kept, with its status."""
    with pytest.raises(PrefectFault, match="answered 404") as caught:
        prefect.ask(lambda client: client.read_deployment(uuid4()))
    assert (caught.value.status_code, caught.value.may_pass) == (404, False)


def test_nobody_there_may_pass() -> None:
    """A server that is down comes back: the sentence names it."""
    url = f"http://127.0.0.1:{free_port()}/api"
    with PrefectServer(url) as nobody, pytest.raises(PrefectFault, match=f"{url} could not be reached") as caught:
        nobody.ask(lambda client: client.hello())
    assert caught.value.may_pass


def test_a_server_that_hangs_is_not_waited_for() -> None:
    """The connection is taken and nothing is said: the time limit ends it, without the client's own retries."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with PrefectServer(url, timeout_seconds=0.2) as hanging, pytest.raises(PrefectFault, match="in time") as caught:
            hanging.ask(lambda client: client.hello())
    assert caught.value.may_pass


def test_a_refusal_that_may_pass_is_told_at_once(prefect: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's client sleeps before it answers that its last try was refused; the engine has a backoff of its own."""
    slept: list[float] = []
    monkeypatch.setattr("prefect.client.base.time.sleep", slept.append)
    with Proxy(prefect.api_url) as proxy, PrefectServer(proxy.api_url) as refused:
        proxy.refuse(502, containing=b"")
        with pytest.raises(PrefectFault, match="answered 502: refused") as caught:
            refused.ask(lambda client: client.hello())
    assert (caught.value.status_code, caught.value.may_pass) == (502, True)
    assert slept == []


@pytest.mark.parametrize("address", ["foo", "127.0.0.1:4200/api", "ftp://127.0.0.1/api"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    """Nobody asks it again and again."""
    with pytest.raises(PrefectFault, match=r"must be named as http://127\.0\.0\.1:4200/api is"):
        PrefectServer(address)

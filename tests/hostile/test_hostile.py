"""Each hostile input gets the answer in its table. `python -m tests.hostile` prints the tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.addresses import ADDRESSES, REDIRECTS, HostileAddress
from tests.hostile.answers import DONE, answer_address, answer_body, answer_rebinding, answer_redirect, answer_server
from tests.hostile.bodies import BODIES, HostileBody
from tests.hostile.servers import SERVERS, HostileServer
from tests.stand_ins.engine import EngineInProcess, run_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineInProcess]:
    """One engine for all tests, because a stranger's input must not change it."""
    with run_engine(Path(tmp_path_factory.mktemp("models"))) as engine:
        yield engine


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.name)
def test_a_body_is_refused(body: HostileBody, engine: EngineInProcess) -> None:
    answer = answer_body(engine, body)
    assert answer.startswith(f"400 {body.error}")
    assert len(answer) < 250


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.name)
def test_an_address_is_never_connected_to(address: HostileAddress, engine: EngineInProcess) -> None:
    answer = answer_address(engine, address)
    assert answer == (f"400 input_url {address.error}" if address.refused_at_once else f"job: {address.error}")


@pytest.mark.parametrize("address", REDIRECTS, ids=lambda address: address.name)
def test_an_address_is_never_connected_to_by_a_redirect(address: HostileAddress, engine: EngineInProcess) -> None:
    answer = answer_redirect(engine, address)
    assert answer.endswith((address.error, "it redirects to an invalid URL"))
    assert answer.startswith("job: The video could not be fetched")


def test_a_connection_goes_to_the_address_that_was_checked(engine: EngineInProcess) -> None:
    assert answer_rebinding(engine, redirected=False) == DONE


def test_a_redirect_to_a_name_checks_its_address_again(engine: EngineInProcess) -> None:
    answer = answer_rebinding(engine, redirected=True)
    assert answer.startswith("job: The video could not be fetched: rebinding.example is not on the public")


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_a_server_does_no_harm(server: HostileServer, engine: EngineInProcess) -> None:
    answer = answer_server(engine, server)
    assert answer == (f"job: {server.error}" if server.error else DONE)

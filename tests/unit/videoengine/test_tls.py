"""A client reads its certificate authorities once."""

import shutil
import ssl
from pathlib import Path

import pytest
from botocore.httpsession import create_urllib3_context, where

from videoengine import clients  # noqa: F401 - its clients' contexts are those of the test
from videoengine.tls import TrustStore


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    return Path(shutil.copy(where(), tmp_path))


def test_botocore_creates_such_contexts() -> None:
    assert isinstance(create_urllib3_context(), TrustStore)


def test_a_context_is_made_and_given_data_as_any_other(authorities: Path) -> None:
    context = TrustStore(protocol=ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authorities.read_text(encoding="utf-8"))
    assert context.get_ca_certs()


def test_a_file_is_read_once(authorities: Path) -> None:
    context = create_urllib3_context()
    context.load_verify_locations(str(authorities))
    trusted = context.get_ca_certs()
    authorities.unlink()
    context.load_verify_locations(str(authorities))
    assert context.get_ca_certs() == trusted != []


def test_another_file_is_read_too(authorities: Path) -> None:
    context = create_urllib3_context()
    context.load_verify_locations(str(authorities))
    with pytest.raises(FileNotFoundError):
        context.load_verify_locations(str(authorities.with_name("other.pem")))


def test_a_file_that_could_not_be_read_is_read_again(authorities: Path) -> None:
    context, place = create_urllib3_context(), authorities.with_name("other.pem")
    with pytest.raises(FileNotFoundError):
        context.load_verify_locations(str(place))
    authorities.rename(place)
    context.load_verify_locations(str(place))
    assert context.get_ca_certs()

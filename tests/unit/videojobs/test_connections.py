"""The clients that the functions get."""

import pytest

from tests.stand_ins.internet import Internet
from videojobs.connections import connect_api
from videojobs.errors import LinkRefused
from videojobs.settings import ApiClientSettings


def test_the_functions_sessions_refuse_private_addresses(monkeypatch: pytest.MonkeyPatch, internet: Internet) -> None:
    monkeypatch.setattr("videojobs.connections.get_secret", lambda *_, **__: "rf_s3cr3t")
    settings = ApiClientSettings(
        api_url="https://api.example.com",
        api_key_secret="key",
        api_requests_per_minute=0,
        api_minute_seconds=60,
        budget_table="budget",
    )
    with pytest.raises(LinkRefused):
        connect_api(settings).open_results("https://localhost/")
    assert internet.connections == []

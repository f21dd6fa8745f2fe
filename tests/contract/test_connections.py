"""Connections to the API on a real network: Lambda freezes functions, and servers close idle connections."""

import io
from collections.abc import Iterator

import pytest

from tests.stand_ins.video_inference_api import StandInApi, stand_in_api
from videojobs import connections
from videojobs.api.turns import Turn
from videojobs.settings import CheckJobSettings


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInApi]:
    monkeypatch.setattr(connections, "get_secret", lambda *_, **__: "key")
    with stand_in_api() as api:
        api.resets_kept_connections = True
        api.statuses = [api.done()]
        yield api


def make_settings(api: StandInApi) -> CheckJobSettings:
    return CheckJobSettings(
        api_url=api.url,
        api_key_secret="api-key",
        api_requests_per_minute=0,
        api_minute_seconds=60,
        budget_table="budget",
        jobs_table="jobs",
    )


def test_an_invocation_does_not_reuse_the_connection_of_the_previous_one(api: StandInApi) -> None:
    for _ in range(2):
        client = connections.connect_api(make_settings(api))
        assert (
            client.create_job(Turn(), "https://videos.example.com/v.mp4", [], 5, idempotency_key="key").job_id
            == "stand-in-job"
        )


def test_a_connection_does_not_outlive_its_request(api: StandInApi) -> None:
    """Sending a video between the first request and the last may take many minutes."""
    client = connections.connect_api(make_settings(api))
    url = client.create_upload_url(Turn(), "v.mp4", "key")
    client.send_video(url, io.BytesIO(b"video"), 5)
    assert client.create_job(Turn(), url, [], 5, idempotency_key="key").job_id == "stand-in-job"
    assert client.open_results(client.check_job(Turn(), "stand-in-job").output_signed_url or "").read() == api.results

"""Which API keys the engine accepts."""

import hashlib
import hmac
import re

import pytest
from aws_lambda_powertools.utilities import parameters

from tests.stand_ins.engine import API_KEY, EngineInProcess, digest
from tests.templates import read_template

SIGN = ("POST", "/video_upload_signed_url")


@pytest.mark.parametrize("key", [API_KEY, "another"])
def test_every_key_in_the_secret_is_accepted(key: str, engine: EngineInProcess) -> None:
    assert engine.request(*SIGN, {"api_key": key}, {"file_name": "a.mp4"})[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "key", ["", " ", ",", "anothe", "another, " + API_KEY, API_KEY + " ", "schlüssel", None, digest(API_KEY)]
)
def test_any_other_key_is_refused(key: str | None, engine: EngineInProcess) -> None:
    query = {} if key is None else {"api_key": key}
    status, answer = engine.request(*SIGN, query, {"file_name": "a.mp4"})
    assert status == 401
    assert answer["error"].startswith("This api_key is not known here")


@pytest.mark.slow
@pytest.mark.parametrize("key", [API_KEY, "another", "wrong", "", "half of \ud800"])
def test_a_key_is_compared_with_all_digests_in_constant_time(
    key: str, engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare(given: str, known: str) -> bool:
        compared.append((given, known))
        return given == known

    monkeypatch.setattr(hmac, "compare_digest", compare)
    engine.request(*SIGN, {"api_key": key}, {"file_name": "a.mp4"})
    given = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    assert compared == [(given, digest("another")), (given, digest(API_KEY))]


def test_the_stack_accepts_only_digests_of_keys() -> None:
    parameter = read_template("engine")["Parameters"]["ApiKeys"]
    assert parameter["NoEcho"] is True
    allowed = re.compile(parameter["AllowedPattern"])
    for between in (",", ", ", "+"):
        assert allowed.search(f"{digest(API_KEY)}{between}{digest('another')}")
    assert allowed.search(digest(API_KEY))
    for keys in ("", API_KEY, f"{digest(API_KEY)},{API_KEY}", digest(API_KEY)[:-1], digest(API_KEY).upper()):
        assert not allowed.search(keys)


def test_the_secret_is_not_read_for_every_request(engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.request(*SIGN, {"api_key": API_KEY}, {"file_name": "a.mp4"})[0] == 200
    monkeypatch.setattr(parameters.SecretsProvider, "_get", None)
    assert engine.request(*SIGN, {"api_key": API_KEY}, {"file_name": "a.mp4"})[0] == 200


VIDEO = "https://videos.example.com/v.mp4"


def poll(engine: EngineInProcess, key: str, job_id: str) -> tuple[int, dict[str, object]]:
    return engine.request("GET", "/videoinfer", {"api_key": key, "job_id": job_id})


def test_a_job_is_shown_only_to_the_key_that_made_it(engine: EngineInProcess) -> None:
    job_id = engine.create_job(VIDEO)
    assert poll(engine, API_KEY, job_id)[0] == 200
    unknown = job_id[:-1] + ("0" if job_id[-1] != "0" else "1")
    status, answer = poll(engine, "another", job_id)
    assert status == 404
    assert poll(engine, "another", unknown) == (404, {"error": str(answer["error"]).replace(job_id, unknown)})


def test_keys_that_belong_together_see_each_other_s_jobs(engine: EngineInProcess) -> None:
    """Otherwise a key could not be changed while jobs are running."""
    job_id = engine.create_job(VIDEO)
    engine.change_api_keys(f"{digest('other')},{digest(API_KEY)}+{digest('another')}")
    assert poll(engine, "another", job_id)[0] == 200
    assert poll(engine, "other", job_id)[0] == 404


def test_a_job_of_an_older_release_is_shown_to_every_key(engine: EngineInProcess) -> None:
    job_id = engine.create_job(VIDEO)
    engine.dynamodb.update_item(TableName="jobs", Key={"job_id": {"S": job_id}}, UpdateExpression="REMOVE key_digest")
    assert poll(engine, "another", job_id)[0] == 200

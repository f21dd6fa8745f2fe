"""The client against answers that break the contract, and against missing answers."""

import io
import json
import traceback
from datetime import UTC, datetime
from ssl import SSLCertVerificationError
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from tests.stand_ins.wire import Wire
from videojobs.api.client import CreatedJob, ReportedStatus, VideoInferenceApi, read_retry_after
from videojobs.api.turns import Turn
from videojobs.errors import ApiRefused, ApiUnavailable, LinkExpired

KEY = "rf_s3cr3t"
LINK = "https://storage.example.com/results.json?X-Goog-Signature=s1gn3d"
POOL = urllib3.HTTPConnectionPool("api.example.com")
NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def connect(*answers: Any) -> tuple[VideoInferenceApi, Wire]:
    wire = Wire(*answers)
    return VideoInferenceApi("https://api.example.com", KEY, wire.session), wire


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({}, "running"),
        ({"status": None}, "running"),
        ({"status": 1}, "running"),
        ({"status": "1"}, "running"),
        ({"status": 2}, "failed"),
        ({"status": 99}, "failed"),
        ({"status": -1}, "unknown"),
        ({"status": True}, "unknown"),
        ({"status": "finished"}, "unknown"),
        ({"status": [0]}, "unknown"),
        ({"status": 0, "output_signed_url": LINK}, "done"),
        ({"status": "0", "output_signed_url": LINK}, "done"),
    ],
)
def test_an_unknown_status_counts_as_neither_running_nor_done(answer: Any, state: str) -> None:
    api, _ = connect((200, answer))
    status = api.check_job(Turn(), "job")
    assert status.state == state
    assert (status.reason is not None) == (state in ("failed", "unknown"))


def test_done_without_a_link_is_an_unusable_answer() -> None:
    api, _ = connect((200, {"status": 0}))
    with pytest.raises(ApiUnavailable, match="without output_signed_url"):
        api.check_job(Turn(), "job")


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}),
        (502, b"<html>Bad gateway</html>"),
        (408, {}),
        (429, {}),
        (200, b"<html>Welcome</html>"),
        (200, b""),
        (200, [1]),
        requests.ConnectTimeout(f"https://api.example.com/videoinfer/?api_key={KEY}"),
        requests.ReadTimeout(f"https://api.example.com/videoinfer/?api_key={KEY}"),
        requests.ConnectionError(f"Max retries exceeded with url: /videoinfer/?api_key={KEY}"),
        requests.exceptions.ChunkedEncodingError(f"/videoinfer/?api_key={KEY}"),
    ],
)
def test_an_unusable_answer_is_retried_later(answer: Any) -> None:
    api, _ = connect(answer)
    with pytest.raises(ApiUnavailable) as unavailable:
        api.check_job(Turn(), "job")
    assert KEY not in "".join(traceback.format_exception(unavailable.value))


@pytest.mark.parametrize(
    ("answer", "may_have_acted"),
    [
        ((429, {}), False),
        ((425, {}), False),
        ((503, {}, {"Retry-After": "7"}), False),
        ((503, {}), True),
        ((500, {}), True),
        ((502, b"<html>Bad gateway</html>"), True),
        ((200, b"<html>Welcome</html>"), True),
        ((200, {"message": "created"}), True),
        (requests.ConnectTimeout(), False),
        (requests.ReadTimeout(), True),
        (requests.exceptions.MissingSchema(), False),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.")), True),
        (requests.ConnectionError(MaxRetryError(POOL, "/", NewConnectionError(POOL, "refused"))), False),  # type: ignore[arg-type]
        (requests.exceptions.SSLError(MaxRetryError(POOL, "/", SSLError(SSLCertVerificationError("expired")))), False),
        (requests.exceptions.SSLError(MaxRetryError(POOL, "/", SSLError("bad record"))), True),
    ],
)
def test_each_failure_says_whether_a_job_may_have_been_created(answer: Any, may_have_acted: bool) -> None:
    api, _ = connect(answer)
    with pytest.raises(ApiUnavailable) as unavailable:
        api.create_job(Turn(), LINK, [], 5, idempotency_key="key")
    assert unavailable.value.may_have_acted == may_have_acted


@pytest.mark.parametrize("status_code", [400, 401, 403, 404, 413])
def test_a_refusal_has_the_api_s_own_words(status_code: int) -> None:
    api, _ = connect((status_code, {"error": f"Key {KEY} may not see https://x.example.com/a?api_key={KEY}"}))
    with pytest.raises(ApiRefused) as refused:
        api.create_job(Turn(), LINK, [], 5, idempotency_key="key")
    assert refused.value.status_code == status_code
    assert "may not see" in refused.value.reason
    assert KEY not in str(refused.value)


def test_a_page_of_html_is_cut_short() -> None:
    api, _ = connect((404, b"<html>" + b"x" * 10_000))
    with pytest.raises(ApiRefused) as refused:
        api.check_job(Turn(), "job")
    assert len(refused.value.reason) < 400


@pytest.mark.parametrize(
    ("status_code", "headers", "words"),
    [
        (301, {"Location": "https://elsewhere.example.com/"}, "301: a redirect, which is not followed: check ApiUrl"),
        (304, {}, "304: neither a result nor an error: check ApiUrl"),
    ],
)
def test_a_redirect_is_not_followed(status_code: int, headers: Any, words: str) -> None:
    api, wire = connect((status_code, b"", headers))
    with pytest.raises(ApiRefused) as refused:
        api.create_job(Turn(), LINK, [], 5, idempotency_key="key")
    assert str(refused.value) == f"The Video Inference API answered {words}"
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "job_id", [None, 7, "", "a" * 201, "../a", "a/b", "a b", "a\nb", "-i", "..", "$(id)", "é", "a\n", "\ud800"]
)
def test_an_unusable_job_id_is_refused(job_id: Any) -> None:
    api, _ = connect((200, {"job_id": job_id}), (200, {}))
    for _ in range(2):
        with pytest.raises(ApiUnavailable, match="without a valid job_id") as unavailable:
            api.create_job(Turn(), LINK, [], 5, idempotency_key="key")
        assert unavailable.value.may_have_acted


@pytest.mark.parametrize("job_id", ["7", "fec28362-f7d9-4cc0-a805-5e94495d063d", "job_1.2:3~", "a" * 200])
def test_job_ids_of_all_usual_kinds_are_accepted(job_id: str) -> None:
    api, _ = connect((200, {"job_id": job_id}))
    assert api.create_job(Turn(), LINK, [], 5, idempotency_key="key").job_id == job_id


def test_reads_both_spellings_of_the_signed_url() -> None:
    api, _ = connect((200, {"signedUrl": LINK}), (200, {"url": LINK}))
    assert api.create_upload_url(Turn(), "a.mp4", "key") == LINK
    with pytest.raises(ApiUnavailable, match="without a signed_url"):
        api.create_upload_url(Turn(), "a.mp4", "key")


def test_sends_a_video_with_its_length() -> None:
    api, wire = connect((200, b""))
    api.send_video(LINK, io.BytesIO(b"video" * 1000), 5000)
    headers = wire.requests[0].headers
    assert headers["Content-Length"] == "5000"
    assert headers["Content-Type"] == "application/octet-stream"
    assert "Transfer-Encoding" not in headers
    assert wire.bodies[0] == b"video" * 1000


@pytest.mark.parametrize("status_code", [307, 400, 401, 403, 404, 410])
def test_a_refused_upload_link_says_nothing_about_the_api_s_key_or_address(status_code: int) -> None:
    """Storage answers like this once a link has expired, or if its clock differs from the signer's; S3 also redirects:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
    """
    api, _ = connect((status_code, b"<Error/>", {"Location": "https://elsewhere.example.com/"}))
    with pytest.raises(ApiUnavailable, match=f"upload link was refused with {status_code}") as unavailable:
        api.send_video(LINK, io.BytesIO(b"video"), 5)
    assert not unavailable.value.may_have_acted
    assert "s1gn3d" not in str(unavailable.value)


def test_downloads_are_byte_for_byte() -> None:
    content = b'{"frame_offset": [0]}\r\n\x00'
    api, wire = connect((200, content, {"Content-Length": str(len(content))}))
    stream = api.open_results(LINK)
    assert stream.read(5) + stream.read(-1) == content
    assert wire.requests[0].headers["Accept-Encoding"] == "identity"


def test_a_truncated_download_is_an_error() -> None:
    api, _ = connect((200, b'{"frame', {"Content-Length": "100"}))
    stream = api.open_results(LINK)
    with pytest.raises(ApiUnavailable, match="broke off"):
        stream.read()


@pytest.mark.parametrize("status_code", [403, 404, 410])
def test_an_expired_link_has_its_own_error(status_code: int) -> None:
    api, _ = connect((status_code, b"<Error>Request has expired</Error>"))
    with pytest.raises(LinkExpired) as expired:
        api.open_results(LINK)
    assert "s1gn3d" not in str(expired.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90", 90),
        ("Mon, 02 Nov 2026 08:02:00 GMT", 120),
        ("Mon, 02 Nov 2026 07:00:00 GMT", 0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_formats(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


def test_a_throttled_call_says_when_to_retry() -> None:
    api, _ = connect((429, {}, {"Retry-After": "77"}))
    with pytest.raises(ApiUnavailable) as unavailable:
        api.check_job(Turn(), "job")
    assert unavailable.value.retry_after_seconds == 77


@pytest.mark.parametrize(
    ("progress", "percent"),
    [
        *[("0", 0), ("42", 42), ("42.9", 42), ("100", 100), ("100.0", 100), ("1e-320", 0), ("-0.0", 0)],
        *[("null", None), ("true", None), ('"42"', None), ('"42 %"', None), ("[42]", None), ('{"percent": 42}', None)],
        *[("-1", None), ("100.5", None), ("1e999", None), ("-1e999", None), ("NaN", None), ("9" * 4_000, None)],
    ],
)
def test_progress_is_a_percentage_or_none(progress: str, percent: int | None) -> None:
    api, _ = connect((200, f'{{"status": 1, "progress": {progress}}}'.encode()))
    answer = api.check_job(Turn(), "job")
    assert (answer.state, answer.progress) == ("running", percent)
    assert answer.progress is None or type(answer.progress) is int


@pytest.mark.parametrize("status", ["0", "2", '"what"'])
def test_only_a_running_job_has_progress(status: str) -> None:
    api, _ = connect((200, f'{{"status": {status}, "progress": 42, "output_signed_url": "{LINK}"}}'.encode()))
    assert api.check_job(Turn(), "job").progress is None


any_text = st.text(st.characters(exclude_categories=()))  # with surrogates
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda values: st.lists(values) | st.dictionaries(any_text, values),
)
names = st.sampled_from(
    ["status", "error", "message", "reason", "progress", "output_signed_url", "start_offset", "job_id", "signed_url"]
)


@pytest.mark.slow
@given(st.sampled_from([200, 400, 401, 404, 422]), st.builds(json.dumps, st.dictionaries(names, any_json) | any_json))
@example(200, r'{"status": 2, "error": "half \ud800 pair"}')
@example(200, r'{"status": "\ud800"}')
@example(200, r'{"status": 2, "error": {"\ud800": ["\udfff"]}}')
@example(200, r'{"status": 0, "output_signed_url": "https://\ud800.example.com/", "signed_url": "\udfff"}')
@example(400, r'{"error": "\ud800 bad"}')
@example(200, '{"status": 2, "error": %s}' % ("[" * 3_000 + "]" * 3_000))
@example(200, '{"status": %s}' % ("9" * 5_000))
@example(200, '{"status": %s, "progress": 1e999}' % ("9" * 4_000))
def test_any_json_is_an_answer_whose_words_can_be_stored(status_code: int, answer: str) -> None:
    api, _ = connect(*[(status_code, answer.encode())] * 3)
    for call in (
        lambda: api.check_job(Turn(), "job"),
        lambda: api.create_job(Turn(), LINK, [], 5, idempotency_key="key"),
        lambda: api.create_upload_url(Turn(), "a.mp4", "key"),
    ):
        try:
            outcome = call()
        except (ApiUnavailable, ApiRefused) as error:
            outcome = str(error)
        match outcome:
            case ReportedStatus():
                texts = [outcome.reason, outcome.output_signed_url]
            case CreatedJob():
                texts = [outcome.job_id]
            case _:
                texts = [outcome]
        for text in filter(None, texts):
            text.encode()


def test_half_a_surrogate_pair_is_read_as_the_replacement_character() -> None:
    api, _ = connect((200, rb'{"status": 2, "error": "half \ud800 pair, \ud83d\ude00"}'))
    assert api.check_job(Turn(), "job").reason == "half \ufffd pair, \U0001f600"

"""The client of the Video Inference API: three endpoints, the upload of a video, and the download of results.

Source: the published API reference; where it says nothing, what the official client sends and reads.
Tests replace the network: `open_session` gives them a `requests.Session` with their own adapter.
"""

import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, Literal, Protocol
from urllib.parse import urljoin

import requests
import urllib3

from videojobs.api.session import LinkForbidden
from videojobs.api.statuses import classify_refusal, is_expired_link, is_passing, may_have_acted
from videojobs.api.time_limits import limit_body
from videojobs.api.turns import Turn, Turns, UnlimitedTurns
from videojobs.errors import ApiRefused, ApiUnavailable, BrokenAnswer, LinkExpired, LinkRefused
from videojobs.redaction import redact

CONNECT_TIMEOUT_SECONDS = 5
ANSWER_TIMEOUT_SECONDS = 30
"""How long the whole head of an answer may take, and the longest silence before the next bytes of a file."""

ANSWER_BODY_SECONDS = 20
"""How long the whole body of an endpoint's answer may take, after its head."""

STORAGE_CONNECT_TIMEOUT_SECONDS = 30
"""Also the longest time for which storage may accept no bytes while a video is sent."""

STORAGE_ANSWER_TIMEOUT_SECONDS = 120
"""How long the whole head of storage's answer may take after the last byte of a video, while storage assembles it."""

_REASON_MAX_CHARACTERS = 300

ANSWER_MAX_BYTES = 1024 * 1024
"""Maximum size of an endpoint's response; real ones are thousands of times smaller."""

REDIRECTS_MAX = 5

RETRY_AFTER_SECONDS_MAX = 1e10
"""A cap that keeps time arithmetic from overflowing."""
_ANSWER_PIECE_BYTES = 16 * 1024
_PIECE_BYTES = 1024 * 1024

START_OFFSET_MAX_SECONDS = 100_000
"""More than 26.5 hours, after which a broadcast's clock (MPEG-TS) wraps."""

COST_MAX_USD = 100_000
"""No job costs more, so a higher cost is a mistake of the API."""

IDEMPOTENCY_HEADER = "Idempotency-Key"
"""The engine creates one job for all calls with the same value. The hosted API does not document it."""

JOB_ID_MAX_CHARACTERS = 200
JOB_IDS = f"1 to {JOB_ID_MAX_CHARACTERS} letters, digits and -._:~, starting with a letter or a digit"
"""The allowed job IDs, which become parts of S3 keys, of URLs and of commands."""

EXTENSIONS_FIELD = "x-video-extensions"
"""The field of the engine's OpenAPI document that lists the extensions of the videos that it reads."""

EXTENSIONS_MAX = 100

_EXTENSION = re.compile(r"\.?([a-z0-9]{1,10})")

_JOB_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:~-]{{0,{JOB_ID_MAX_CHARACTERS - 1}}}")


@dataclass(frozen=True, kw_only=True)
class ReportedStatus:
    """A job's status at the API. `done` jobs have a download link; `failed` and `unknown` jobs have a reason.

    Attributes:
        state: `unknown` is a status that the API's contract does not have.
        progress: Whole percent, rounded down, of a running job; None if the API does not report it.
        start_offset: Seconds from a player's 0 to the first frame. Only the engine reports it; else None.
        cost_usd: What the API says that an ended job cost, in US dollars. Only the engine reports it; else None.
    """

    state: Literal["running", "done", "failed", "unknown"]
    output_signed_url: str | None = None
    reason: str | None = None
    progress: int | None = None
    start_offset: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True)
class CreatedJob:
    """A job that the API has created.

    Attributes:
        is_repeatable: Whether the API knows the idempotency key, so that all calls with this key are this one job.
    """

    job_id: str
    is_repeatable: bool = False


class Readable(Protocol):
    """A stream of bytes, such as a file or boto3's `StreamingBody`."""

    def read(self, size: int = -1, /) -> bytes: ...


class VideoInferenceApi:
    """The API at one address, with one key.

    Each request opens its own connection. A reused one may have died while the function was frozen or while a video
    was being sent, and after a reset POST nobody knows whether it created a job.

    Attributes:
        turns: Grants the turn that each request to an endpoint needs as an argument. Requests to signed URLs go to
            storage and need no turn.
    """

    def __init__(
        self, base_url: str, api_key: str, open_session: Callable[[], requests.Session], turns: Turns | None = None
    ) -> None:
        self.turns = turns or UnlimitedTurns()
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._open_session = open_session

    def create_upload_url(self, turn: Turn, file_name: str, idempotency_key: str) -> str:
        """Returns a signed URL: a PUT sends one file to it, and then it serves as an `input_url`."""
        answer = self._call(
            turn,
            "POST",
            "/video_upload_signed_url/",
            body={"file_name": file_name},
            headers={IDEMPOTENCY_HEADER: idempotency_key},
        )
        url = answer.get("signed_url") or answer.get("signedUrl")
        if not isinstance(url, str):
            raise ApiUnavailable("The Video Inference API answered without a signed_url.")
        return url

    def send_video(self, signed_url: str, video: Readable, size_bytes: int) -> None:
        """Streams `video` to a URL of `create_upload_url`, in constant memory and with a Content-Length.

        Raises:
            ApiUnavailable: There is no answer, or the URL is refused; `create_upload_url` returns a new one.
        """
        response = self._send(
            "PUT",
            signed_url,
            data=_SizedStream(video, size_bytes),
            headers={"Content-Type": "application/octet-stream"},
            timeout=(STORAGE_CONNECT_TIMEOUT_SECONDS, STORAGE_ANSWER_TIMEOUT_SECONDS),
        )
        with response:
            # Storage's answer says nothing about the API's key or address.
            if response.is_redirect or is_expired_link(response.status_code):
                problem = f"The upload link was refused with {response.status_code}."
                raise ApiUnavailable(problem, may_have_acted=False)
            self._raise_for_status(response)

    def create_job(
        self,
        turn: Turn,
        input_url: str,
        models: Sequence[Mapping[str, Any]],
        infer_fps: float,
        *,
        idempotency_key: str,
    ) -> CreatedJob:
        """Creates a job. At an API that does not know idempotency keys, each call creates a job that is billed.

        Raises:
            BrokenAnswer: The API has probably created a job, but its ID is not known.
        """
        body = {"input_url": input_url, "infer_fps": infer_fps, "models": models}
        headers = {IDEMPOTENCY_HEADER: idempotency_key}
        answer = self._call(turn, "POST", "/videoinfer/", body=body, headers=headers)
        job_id = answer.get("job_id")
        if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
            raise BrokenAnswer(f"The Video Inference API answered without a valid job_id: {JOB_IDS}.")
        return CreatedJob(job_id, is_repeatable=answer.get("idempotency_key") == idempotency_key)

    def check_job(self, turn: Turn, job_id: str) -> ReportedStatus:
        """Returns a job's status. The hosted API allows one request a minute for each job."""
        return self._read_status(self._call(turn, "GET", "/videoinfer/", query={"job_id": job_id}))

    def read_video_extensions(self, turn: Turn) -> Sequence[str] | None:
        """Returns the extensions of the videos that the API reads, in lower case with their dots; None if its
        description lists none.

        The description, `/openapi.json`, needs no key. Of Roboflow's API, only the documentation lists extensions.
        """
        try:
            content = self._ask(turn, "GET", "/openapi.json")
        except ApiRefused:
            return None
        description = _parse(content)
        listed = description.get(EXTENSIONS_FIELD) if isinstance(description, dict) else None
        if not isinstance(listed, list):
            return None
        found = (_EXTENSION.fullmatch(it.lower()) for it in listed[:EXTENSIONS_MAX] if isinstance(it, str))
        return list(dict.fromkeys(f".{match[1]}" for match in found if match)) or None

    def open_results(self, output_signed_url: str, start: int = 0) -> "ResultsStream":
        """Opens the results file, to be read in pieces, byte for byte as the API gives it.

        Args:
            start: The first byte to read. If storage does not support ranges, the bytes before it are read and skipped.

        Raises:
            LinkExpired: The link is refused; `check_job` returns a new one.
            ApiUnavailable: There is no answer, or (while reading) the file is cut short.
        """
        response = self._follow(output_signed_url, {"Range": f"bytes={start}-"} if start else {})
        try:
            return self._read_from(response, start)
        except BaseException:
            response.close()
            raise

    def _read_from(self, response: requests.Response, start: int) -> "ResultsStream":
        if is_expired_link(response.status_code):
            raise LinkExpired(f"The download link was refused with {response.status_code}.")
        content_range = response.headers.get("Content-Range", "")
        if start and response.status_code == 416 and content_range == f"bytes */{start}":
            return ResultsStream(response, ends_at_once=True)
        self._raise_for_status(response)
        if response.status_code == 206 and not content_range.startswith(f"bytes {start}-"):
            raise ApiUnavailable("Storage answered with another part of the results file than the requested one.")
        stream = ResultsStream(response)
        if start and response.status_code != 206:
            stream.skip(start)
        return stream

    def _follow(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Follows a link's redirects and returns the last response. Each redirect is checked like the link itself."""
        for _ in range(1 + REDIRECTS_MAX):
            response = self._send("GET", url, headers=headers)
            if not response.is_redirect:
                return response
            response.close()
            url = _join(url, response.headers["Location"])
        raise LinkRefused(f"it redirects more than {REDIRECTS_MAX} times")

    def _read_status(self, answer: Mapping[str, Any]) -> ReportedStatus:
        status = answer.get("status", 1)
        if isinstance(status, str) and re.fullmatch(r"[0-9]{1,9}", status):
            status = int(status)
        match status:
            case bool():
                pass
            case 0:
                url = answer.get("output_signed_url")
                if not isinstance(url, str):
                    raise ApiUnavailable("The Video Inference API reports a finished job without output_signed_url.")
                return ReportedStatus(
                    state="done",
                    output_signed_url=url,
                    start_offset=_read_start_offset(answer),
                    cost_usd=_read_cost(answer),
                )
            case 1 | None:
                return ReportedStatus(state="running", progress=_read_progress(answer))
            case int() if status > 1:
                words = next((answer[name] for name in ("error", "message", "reason") if answer.get(name)), None)
                reason = self.clean(words or f"The API reports status {status}.")
                return ReportedStatus(state="failed", reason=reason, cost_usd=_read_cost(answer))
        return ReportedStatus(state="unknown", reason=f"The API reports an unknown status: {self.clean(status)}.")

    def _call(
        self,
        turn: Turn,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        params = {"api_key": self._api_key, **(query or {})}
        content = self._ask(turn, method, path, params=params, json=body, headers=headers or {})
        answer = _parse(content)
        if not isinstance(answer, dict):
            words = self.clean(content.decode(errors="replace"))
            raise BrokenAnswer(f"The Video Inference API's answer is not a JSON object: {words}")
        return answer

    def _ask(self, turn: Turn, method: str, path: str, **request: Any) -> bytes:
        """Sends a request to an endpoint, and returns the body of the answer."""
        turn.use()
        with self._send(method, self._base_url + path, **request) as response:
            try:
                self._raise_for_status(response)
            except ApiUnavailable as unavailable:
                if unavailable.retry_after_seconds:
                    self.turns.pause(unavailable.retry_after_seconds)
                raise
            return _read_answer(response)

    def _send(self, method: str, url: str, **request: Any) -> requests.Response:
        """Sends every request of this client, and translates the errors of requests, whose texts hold whole URLs."""
        request = {
            "timeout": (CONNECT_TIMEOUT_SECONDS, ANSWER_TIMEOUT_SECONDS),
            "allow_redirects": False,
            "stream": True,  # so that a response is read only up to its limit
            **request,
            "headers": {"Accept-Encoding": "identity", **request.get("headers", {})},
        }
        try:
            # A streamed response keeps its connection until it is read; then the connection is closed.
            with self._open_session() as session:
                return session.request(method, url, **request)
        except LinkForbidden as forbidden:
            raise LinkRefused(str(forbidden)) from None
        except requests.Timeout as error:
            raise ApiUnavailable(
                "The Video Inference API did not answer in time.", may_have_acted=_may_have_arrived(error)
            ) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
            if not url.startswith(self._base_url):
                raise LinkRefused("it is not a valid URL") from None
            problem = "The Video Inference API's address is not a URL: check ApiUrl."
            raise ApiUnavailable(problem, may_have_acted=False) from None
        except requests.RequestException as error:
            if _is_broken_head(error):
                raise BrokenAnswer("The Video Inference API's answer is not valid HTTP.") from None
            raise ApiUnavailable(
                f"The Video Inference API could not be reached ({type(error).__name__}).",
                may_have_acted=_may_have_arrived(error),
            ) from None

    def _raise_for_status(self, response: requests.Response) -> None:
        code = response.status_code
        if 200 <= code < 300:
            return
        if is_passing(code):
            response.close()
            retry_after_seconds = read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            acted = may_have_acted(code, says_when="Retry-After" in response.headers)
            raise ApiUnavailable(f"The Video Inference API answered {code}.", retry_after_seconds, may_have_acted=acted)
        if classify_refusal(code) == "address":
            response.close()
            is_redirect = "Location" in response.headers
            what = "a redirect, which is not followed" if is_redirect else "neither a result nor an error"
            raise ApiRefused(code, f"{what}: check ApiUrl")
        raise ApiRefused(code, self._read_reason(response))

    def _read_reason(self, response: requests.Response) -> str:
        content = _read_answer(response)
        answer = _parse(content)
        words = answer.get("error") or answer.get("message") if isinstance(answer, dict) else None
        return self.clean(words or content.decode(errors="replace"))

    def clean(self, words: Any) -> str:
        """Returns `words` as one short line without secrets: an API may quote the key that it refuses."""
        text = redact(" ".join(str(words).split()), self._api_key)
        return text if len(text) <= _REASON_MAX_CHARACTERS else text[:_REASON_MAX_CHARACTERS] + "…"


def _read_progress(answer: Mapping[str, Any]) -> int | None:
    """Reads the percentage that the engine reports. Roboflow documents no `progress`, so anything else is ignored."""
    progress = answer.get("progress")
    if isinstance(progress, bool) or not isinstance(progress, int | float) or not 0 <= progress <= 100:
        return None
    return int(progress)


def _read_start_offset(answer: Mapping[str, Any]) -> float | None:
    """Returns seconds with 4 decimals, or None if the answer has none that a video can have."""
    seconds = answer.get("start_offset")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    is_possible = -START_OFFSET_MAX_SECONDS <= seconds <= START_OFFSET_MAX_SECONDS  # False for NaN
    return round(float(seconds), 4) if is_possible else None


def _read_cost(answer: Mapping[str, Any]) -> float | None:
    """Returns US dollars with 6 decimals, or None if the answer has none that a job can cost."""
    usd = answer.get("cost_usd")
    if isinstance(usd, bool) or not isinstance(usd, int | float):
        return None
    return round(float(usd), 6) if 0 <= usd <= COST_MAX_USD else None  # False for NaN


def _join(url: str, location: str) -> str:
    """Returns the URL that a redirect leads to. Servers write headers in UTF-8, and urllib3 reads them as Latin-1."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode()
    try:
        return urljoin(url, location)
    except ValueError:
        raise LinkRefused("it redirects to an invalid URL") from None


def _read_answer(response: requests.Response) -> bytes:
    """Returns the body of an endpoint's response.

    Raises:
        BrokenAnswer: It is too large, compressed or too slow, or it breaks off.
    """
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise BrokenAnswer("The Video Inference API's answer is compressed, although the request does not accept that.")
    stream, content = ResultsStream(response, "The Video Inference API's answer"), bytearray()
    limit_body(response, ANSWER_BODY_SECONDS)
    try:
        while piece := stream.read_some(_ANSWER_PIECE_BYTES):
            content += piece
            if len(content) > ANSWER_MAX_BYTES:
                raise BrokenAnswer(f"The Video Inference API's answer has more than {ANSWER_MAX_BYTES:,} bytes.")
    except ApiUnavailable as broken:
        raise BrokenAnswer(str(broken)) from None
    return bytes(content)


def _parse(content: bytes) -> Any:
    """Returns the parsed JSON of a response, or None if it is not JSON or nested too deep.

    Half a surrogate pair in a string becomes U+FFFD: it can't be stored, logged or sent.
    """
    try:
        return _replace_surrogates(json.loads(content))
    except (ValueError, RecursionError):
        return None


def _replace_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_replace_surrogates(entry) for entry in value]
        case dict():
            return {_replace_surrogates(name): _replace_surrogates(entry) for name, entry in value.items()}
    return value


def _may_have_arrived(error: requests.RequestException) -> bool:
    """Returns whether the server may have received the request: only if there was a connection to it."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    no_connection = isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
    no_trust = isinstance(cause, urllib3.exceptions.SSLError) and any(
        isinstance(argument, ssl.SSLCertVerificationError) for argument in cause.args
    )
    return not (no_connection or no_trust or isinstance(error, requests.ConnectTimeout))


def _is_broken_head(error: requests.RequestException) -> bool:
    """Returns whether the server answered with something else than a valid HTTP head, rather than hung up."""
    protocol_error = error.args[0] if error.args else None
    cause = protocol_error.args[-1] if isinstance(protocol_error, urllib3.exceptions.ProtocolError) else None
    is_no_head = isinstance(cause, HTTPException) and not isinstance(cause, ConnectionError)
    return is_no_head or isinstance(error, requests.exceptions.InvalidHeader)


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Returns the seconds that a `Retry-After` header asks for, in either form (RFC 9110, 10.2.3), or None."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]+", value.strip()):
        return min(float(value), RETRY_AFTER_SECONDS_MAX)
    try:
        seconds = (parsedate_to_datetime(value) - now).total_seconds()
        return min(max(0.0, seconds), RETRY_AFTER_SECONDS_MAX)
    except (TypeError, ValueError):
        return None


class _SizedStream:
    """A stream with a length: requests then sends a Content-Length instead of chunks, which signed URLs don't accept.

    It is an iterable, because http.client would read a file 16 KiB at a time.
    """

    def __init__(self, stream: Readable, size_bytes: int) -> None:
        self._stream = stream
        self._size_bytes = size_bytes

    def __len__(self) -> int:
        return self._size_bytes

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._stream.read(_PIECE_BYTES):
            yield piece


class ResultsStream:
    """A response's body, byte for byte; its errors become ApiUnavailable."""

    def __init__(
        self, response: requests.Response, what: str = "The results file", *, ends_at_once: bool = False
    ) -> None:
        self._response = response
        self._body: urllib3.HTTPResponse = response.raw
        self._what = what
        self._ends_at_once = ends_at_once

    def close(self) -> None:
        self._response.close()

    def skip(self, size: int) -> None:
        """Reads and discards `size` bytes. Raises ApiUnavailable if there are fewer."""
        while size:
            piece = self.read(min(size, _PIECE_BYTES))
            if not piece:
                raise ApiUnavailable("The results file is shorter than the part of it that was read before.")
            size -= len(piece)

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            # In pieces: otherwise urllib3 does not notice a body that is shorter than its Content-Length.
            return b"".join(iter(lambda: self.read(_PIECE_BYTES), b""))
        if self._ends_at_once:
            return b""
        return self._translating(lambda: self._body.read(size))

    def read_some(self, size: int) -> bytes:
        """Returns up to `size` bytes as soon as there are any; empty at the end."""
        return self._translating(lambda: self._body.read1(size))

    def _translating(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailable(f"{self._what} broke off while it was read ({type(error).__name__}).") from None

"""A Video Inference API in simulated time: it fails, forgets, lies, limits, and loses answers.

Two kinds: one that knows idempotency keys, as the engine does, and one that does not, as the hosted one.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import requests
import urllib3

from tests.stand_ins.wire import Wire
from videoengine.idempotency import digest_request

API_URL = "https://api.simulated.example"
STORAGE_URL = "https://storage.simulated.example"
SIGNATURE = "s1gnatur3ofth3api"
STORAGE_CALLS = ("results", "video")
"""The names of the calls to its storage."""

COST_USD = 0.25
"""What a job costs at an API that says so, as the engine does."""

API_KEYS = ("k3y-of-the-workspace-one", "k3y-of-the-workspace-two")

type Fate = Literal["done", "failed", "endless", "forgotten", "empty results", "cut results", "html results"]
"""What becomes of a job at the API."""

FATES: Mapping[Fate, int] = {
    "done": 80,
    "failed": 6,
    "endless": 2,
    "forgotten": 3,
    "empty results": 3,
    "cut results": 3,
    "html results": 3,
}

type Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]


@dataclass(frozen=True)
class Source:
    """Where a job's video comes from: an object and its version, or, without a key, what was sent.

    Attributes:
        video: The bytes; None if they could not be downloaded.
    """

    key: str
    version_id: str | None
    video: bytes | None


@dataclass
class ApiJob:
    """A job that the API has created, and bills."""

    job_id: str
    source: Source
    idempotency_key: str
    request_digest: str
    created_at: float
    ends_at: float
    fate: Fate
    results: bytes


@dataclass
class Api:
    """The API.

    Attributes:
        read_object: Downloads a bucket's object, or its version; None if there is none.
        knows_keys: Whether it creates one job for all calls with the same idempotency key.
        keys: The API keys that it accepts.
        sent: The videos that were sent to it, by URL.
        takes_ranges: Whether its storage answers a range of a file.
        lies: How often in a row it said that it has no such job, by the job's ID.
        lies_most: The most of them, by the job's ID.
        fates: What becomes of the jobs of some videos, by their keys' last parts; the others' fates are drawn.
        ends_soon: Whether jobs end at once.
        arrivals: When requests to its endpoints arrived, as the limit counts them.
    """

    order: random.Random
    read_clock: Callable[[], float]
    read_object: Callable[[str, str, str | None], bytes | None]
    knows_keys: bool
    takes_ranges: bool
    keys: set[str] = field(default_factory=lambda: {API_KEYS[0]})
    jobs: dict[str, ApiJob] = field(default_factory=dict)
    sent: dict[str, bytes] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    lies: Counter[str] = field(default_factory=Counter)
    lies_most: Counter[str] = field(default_factory=Counter)
    arrivals: list[float] = field(default_factory=list)
    fates: Mapping[str, Fate] = field(default_factory=dict)
    ends_soon: bool = False

    def note_lie(self, request: requests.PreparedRequest) -> None:
        """Notes that it said of a job that there is none."""
        job_id = parse_qs(urlsplit(str(request.url)).query)["job_id"][0]
        self.lies[job_id] += 1
        self.lies_most[job_id] = max(self.lies[job_id], self.lies_most[job_id])

    def note_truth(self, request: requests.PreparedRequest) -> None:
        """Notes that its proper answer about a job has arrived."""
        for job_id in parse_qs(urlsplit(str(request.url)).query).get("job_id", ()):
            self.lies[job_id] = 0

    def handle(self, request: requests.PreparedRequest) -> Answer:
        """Does what a request asks for, and returns the proper answer."""
        url = urlsplit(str(request.url))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if f"{url.scheme}://{url.netloc}" == STORAGE_URL and request.method == "PUT":
            body: Any = request.body
            self.sent[str(request.url)] = b"".join(body)
            return 200, b""
        if f"{url.scheme}://{url.netloc}" == STORAGE_URL:
            return self._give_results(url.path.strip("/").split("/")[0], request.headers.get("Range", ""))
        self.arrivals.append(self.read_clock())
        if url.path == "/openapi.json":
            return 404, {"error": "not found"}
        if query.get("api_key") not in self.keys:
            return 401, {"error": f"unknown key {query.get('api_key')}", "request": request.url}
        if url.path == "/video_upload_signed_url/":
            # The engine gives a URL of the same object for the same key.
            name = request.headers["Idempotency-Key"] if self.knows_keys else len(self.arrivals)
            upload_url = f"{STORAGE_URL}/uploads/{name}/video?X-Goog-Signature={SIGNATURE}"
            return 200, {"signed_url": upload_url}
        if request.method == "POST":
            return self._create(json.loads(request.body or b"{}"), request.headers.get("Idempotency-Key", ""))
        return self._describe(query["job_id"])

    def _create(self, body: Mapping[str, Any], idempotency_key: str) -> Answer:
        source = self._fetch(body["input_url"])
        job_id, digest = self.by_key.get(idempotency_key) if self.knows_keys else None, digest_request(body)
        if job_id and self.jobs[job_id].request_digest != digest:
            return 409, {"message": f"The Idempotency-Key {idempotency_key} was sent before, with another body"}
        if job_id is None:
            job_id = f"job-{len(self.jobs) + 1}"
            fate = self.order.choices(list(FATES), list(FATES.values()))[0] if source.video else "failed"
            fate = self.fates.get(source.key.rpartition("/")[2], fate)
            now = self.read_clock()
            self.jobs[job_id] = ApiJob(
                job_id,
                source,
                idempotency_key,
                digest,
                now,
                now if self.ends_soon else now + self.order.choice((1, 30, 90, 200, 600, 3000)),
                fate,
                make_results(self.order, fate, [model["model_id"] for model in body["models"]]),
            )
            self.by_key[idempotency_key] = job_id
        told = {"idempotency_key": idempotency_key} if self.knows_keys else {}
        return 200, {"job_id": job_id, "message": "This endpoint will create videojob", **told}

    def _fetch(self, input_url: str) -> Source:
        if input_url in self.sent:
            return Source("", None, self.sent[input_url])
        url = urlsplit(input_url)
        key, version_id = unquote(url.path)[1:], parse_qs(url.query).get("versionId", [None])[0]
        return Source(key, version_id, self.read_object(url.netloc.split(".")[0], key, version_id))

    def _describe(self, job_id: str) -> Answer:
        job = self.jobs.get(job_id)
        if job is None or (job.fate == "forgotten" and self.read_clock() > job.ends_at):
            return 404, {"error": f"Job {job_id} not found"}
        if job.fate == "endless" or self.read_clock() < job.ends_at:
            return 200, {"status": 1, "progress": 40}
        if job.fate == "failed":
            return 200, {"status": 2, "error": "the video can't be decoded"}
        link = f"{STORAGE_URL}/{job_id}/results.json?X-Goog-Signature={SIGNATURE}"
        cost = {"cost_usd": COST_USD} if self.knows_keys else {}
        return 200, {"status": 0, "output_signed_url": link, "start_offset": 0.0, **cost}

    def _give_results(self, job_id: str, wanted: str) -> Answer:
        results = self.jobs[job_id].results
        if not wanted or not self.takes_ranges:
            return 200, results
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(results):
            return 416, b"", {"Content-Range": f"bytes */{len(results)}"}
        return 206, results[start:], {"Content-Range": f"bytes {start}-{len(results) - 1}/{len(results)}"}


def make_results(order: random.Random, fate: Fate, model_ids: list[str]) -> bytes:
    """Returns a results file, or what an API may give instead of one."""
    frames = order.choice((1, 3, 20, 40))
    size = {"width": 640, "height": 360}
    box = {"x": 100.0, "y": 100.0, "width": 30.0, "height": 40.0, "confidence": 0.9, "class": "Rock", "class_id": 1}
    elements = [{"time": 0.05, "image": size, "predictions": [box] * order.choice((0, 1, 2))} for _ in range(frames)]
    whole = json.dumps(
        {
            "frame_offset": [6 * it for it in range(frames)],
            "time_offset": [0.25 * it for it in range(frames)],
            **dict.fromkeys(model_ids, elements),
        }
    ).encode()
    match fate:
        case "empty results":
            return b"{}"
        case "cut results":
            return whole[: len(whole) // 2]
        case "html results":
            return b"<html>Sorry, we are down for maintenance.</html>"
    return whole


def name_call(request: requests.PreparedRequest) -> str:
    """Returns the name of a request, such as `GET videoinfer`; to its storage, one of STORAGE_CALLS."""
    url = urlsplit(str(request.url))
    if f"{url.scheme}://{url.netloc}" == STORAGE_URL:
        return "results" if request.method == "GET" else "video"
    return f"{request.method} {url.path.strip('/')}"


class ApiWire(Wire):
    """Connects the functions to the API through the simulation, which decides what happens to each call."""

    def __init__(
        self,
        call: Callable[[str, requests.PreparedRequest], Answer | BaseException],
        slow_down: Callable[[Any], Any],
    ) -> None:
        super().__init__()
        self._call = call
        self._slow_down = slow_down

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        name = name_call(request)
        answer = self._call(name, request)
        self.answers.append(answer)
        response = super().send(request, *args, **kwargs)
        if name == "results":
            response.raw.read = self._slow_down(response.raw.read)  # type: ignore[method-assign]
        return response


def refuse(
    fault: str, name: str, request: requests.PreparedRequest, retry_after_seconds: int
) -> Answer | BaseException | None:
    """Returns the answer to a request if the API does not do what it asks for."""
    match fault:
        case "no connection":
            return refuse_connection()
        case "reset":
            return requests.ConnectionError("Connection aborted.")
        case "429" | "503 with Retry-After":
            headers = {"Retry-After": str(retry_after_seconds)}
            return int(fault.split(" ")[0]), {"error": f"not now: {request.url}"}, headers
        case "503" | "500":
            return int(fault), {"error": f"not now: {request.url}"}
        case "unknown" if name in STORAGE_CALLS:
            return 403, b"expired"
        case "unknown" if name == "GET videoinfer":
            return 404, {"error": f"no such job: {request.url}"}
    return None


def spoil(answer: Answer, fault: str, name: str) -> Answer | BaseException:
    """Returns what arrives of an answer."""
    is_storage = name in STORAGE_CALLS
    match fault:
        case "lost":
            return requests.ConnectionError("Connection aborted.")
        case "late":
            return requests.ReadTimeout("timed out")
        case "500 but done":
            return 500, {"error": "sorry"}
        case "no JSON" if not is_storage:
            return 200, b"<html>hello</html>"
        case "no fields" if not is_storage:
            return 200, {}
        case "cut":
            status_code, content, *_ = answer
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            headers = answer[2] if len(answer) == 3 else {}
            return status_code, raw[: len(raw) // 2], {**headers, "Content-Length": str(len(raw))}
    return answer


def refuse_connection() -> requests.ConnectionError:
    """What requests raises if nobody listens."""
    pool: Any = None
    cause = urllib3.exceptions.NewConnectionError(pool, "refused")
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", cause))

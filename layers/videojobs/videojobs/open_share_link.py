"""Answers share links: with a redirect to a new, short-lived S3 URL, or with a page that says what to do.

    /s/<token>              the report, or the results if there is no report
    /s/<token>/video        the video, in the version that was inferred
    /s/<token>/<output>     any other of the job's outputs, such as detections.parquet or report-data/0-0.json.gz

The redirect's URL has the share link in its fragment, and the report loads the video and its data from there. So the
stored page contains no token. The fragment also has the names of the files that are there to be downloaded, and what
the link's query asks the report to show: `?t=14.2&class=car&confidence=60`. With `?download`, a browser saves a file.
"""

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from html import escape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from videojobs.foreign_text import printable
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.stored_video import is_listed
from videojobs.jobs.uploads import SHARED_VIDEO, Upload
from videojobs.notices.share_links import LinkFault, SharedJob, ShareLinks
from videojobs.result_files import DOWNLOADS, REPORT_FILE, RESULTS_FILE, locate_output
from videojobs.s3_errors import is_denied, is_missing
from videojobs.video_formats import MIME_TYPES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SIGNED_URL_SECONDS = 900
"""How long the S3 URL is valid; a player or a page that needs more time requests the link again."""


_OUTPUT = re.compile(
    r"(?=.{1,80}\Z)(?:report-data/)?[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*\.(?:html|json|parquet|csv|vtt|mp4|zip)(?:\.gz)?"
)
"""The names of outputs. No match leads out of the job's folder, or is so long that S3 refuses the key."""

_METHODS = ("GET", "HEAD")
"""Mail programs and download managers check a link by HEAD first."""

_HEADERS = {
    # The URL contains the token, and the redirect's URL a signature: clients must not store or pass on either.
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    # The report's origin is S3, and it fetches its data from here. No cookies are used, so any origin is allowed.
    "Access-Control-Allow-Origin": "*",
}

_NEW_LINK = (
    "The newest notice about the video has the newest link. The pipeline's operator can make a new one with "
    "<code>videoinfer open</code> and the job's ID, which is in the notice too."
)

_INCOMPLETE = "Check that you copied all of it. All links may also have been revoked since it was sent."

_VIEW = {
    "t": re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,6})?"),
    "class": re.compile(r"[^\x00-\x1f]+"),
    "confidence": re.compile(r"[0-9]{1,3}"),
}
"""What a link's query may ask the report to show."""

VIEW_MAX_CHARACTERS = 2_000
"""API Gateway limits all headers of a response together to 10,240 bytes, and a presigned URL has up to 3,000."""

_REFUSALS: Mapping[LinkFault, tuple[str, str]] = {
    "expired": ("This link has expired", _NEW_LINK),
    "invalid": ("This link does not work", f"{_INCOMPLETE}</p><p>{_NEW_LINK}"),
}


@dataclass(frozen=True)
class ShareRequest:
    """A request of a share link.

    Attributes:
        name: The path after the token, empty for the link itself.
        view: What the report shows first, as a part of its fragment: `t=14&class=car`.
        is_download: Whether a browser saves the file instead of showing it.
    """

    method: str
    token: str
    name: str
    _: KW_ONLY
    view: str = ""
    is_download: bool = False


@dataclass(frozen=True)
class SharedOutputs:
    """Answers share links."""

    links: ShareLinks
    ledger: Ledger
    s3: "S3Client"
    results_bucket: str

    def answer(self, request: ShareRequest, now: datetime) -> dict[str, Any]:
        """Returns the response for the HTTP API (payload format 2.0)."""
        if request.method not in _METHODS:
            page = _answer_page(405, "This link can only be opened", "It accepts only GET and HEAD requests.")
            return {**page, "headers": {**page["headers"], "Allow": ", ".join(_METHODS)}}
        job = self.links.read(request.token, now)
        if not isinstance(job, SharedJob):
            return _answer_page(403, *_REFUSALS[job])
        item = self.ledger.read_item(job.upload_id, job.attempt)
        if item is None or "job_id" not in item:
            return _answer_page(404, "This job no longer exists", "It was removed from the pipeline's jobs.")
        for name in (request.name,) if request.name else (REPORT_FILE, RESULTS_FILE):
            if (location := self._locate(item, name)) and self._exists(location, _find_etag(item, name)):
                return self._redirect(request, name, location, item)
        return _answer_page(404, "There is no such file", _explain_missing(request.name))

    def _locate(self, item: Mapping[str, Any], name: str) -> dict[str, Any] | None:
        if name == SHARED_VIDEO:
            return Upload.from_item(item).location
        if not _OUTPUT.fullmatch(name):
            return None
        key = locate_output(item["key"], item["job_id"], item["created_at"], name)
        return {"Bucket": self.results_bucket, "Key": key}

    def _exists(self, location: Mapping[str, Any], etag: str | None) -> bool:
        """Returns whether the object is there, with this ETag if it is given."""
        try:
            head = self.s3.head_object(**location)
        except self.s3.exceptions.ClientError as error:
            place = location["Bucket"], location["Key"], location.get("VersionId")
            if is_missing(error) or (is_denied(error) and not is_listed(self.s3, *place)):
                return False
            raise
        return etag is None or head["ETag"].strip('"') == etag

    def _list_downloads(self, item: Mapping[str, Any]) -> list[str]:
        folder = locate_output(item["key"], item["job_id"], item["created_at"], "")
        page = self.s3.list_objects_v2(Bucket=self.results_bucket, Prefix=folder, Delimiter="/")
        names = {entry["Key"].removeprefix(folder) for entry in page.get("Contents", ())}
        return [name for name in DOWNLOADS if name in names]

    def _redirect(
        self, request: ShareRequest, name: str, location: Mapping[str, Any], item: Mapping[str, Any]
    ) -> dict[str, Any]:
        parameters = dict(location)
        operation = "head_object" if request.method == "HEAD" else "get_object"
        if name == SHARED_VIDEO and (content_type := MIME_TYPES.get(PurePosixPath(location["Key"]).suffix.lower())):
            # Uploads may have any content type, and Safari plays only those of videos.
            parameters["ResponseContentType"] = content_type
        if request.is_download:
            parameters["ResponseContentDisposition"] = "attachment"
        url = self.s3.generate_presigned_url(operation, Params=parameters, ExpiresIn=SIGNED_URL_SECONDS)
        if name == REPORT_FILE:
            url += f"#base={quote(self.links.locate(request.token), safe='')}"
            url += f"&files={','.join(self._list_downloads(item))}"
            url += f"&{request.view}" if request.view else ""
        return {"statusCode": 302, "headers": {**_HEADERS, "Location": url}}


def _find_etag(item: Mapping[str, Any], name: str) -> str | None:
    """Returns what tells a video from another that has replaced it, in a bucket without versioning."""
    return item["etag"] if name == SHARED_VIDEO and not item.get("version_id") else None


def read_request(event: Mapping[str, Any]) -> ShareRequest:
    """Reads the request in an event of an HTTP API (payload format 2.0). A link may end in a slash."""
    link, token, name = [*event["rawPath"].strip("/").split("/", 2), "", ""][:3]
    query = parse_qsl(event["rawQueryString"], keep_blank_values=True)
    asked = [(key, value) for key, value in query if key in _VIEW and _VIEW[key].fullmatch(value)]
    view = urlencode(asked)
    if len(view) > VIEW_MAX_CHARACTERS:
        # A part of the classes would hide the others, so all are left out.
        view = urlencode([(key, value) for key, value in asked if key != "class"])
    return ShareRequest(
        method=event["requestContext"]["http"]["method"],
        token=token if link == "s" else "",
        name=name,
        view=view if len(view) <= VIEW_MAX_CHARACTERS else "",
        is_download=("download", "") in query,
    )


def _explain_missing(name: str) -> str:
    if name == SHARED_VIDEO:
        return (
            "The video has been deleted or replaced: videos are kept for a limited time. "
            "The job's results may still be there."
        )
    what = f"This job has no output <code>{escape(printable(name))}</code>" if name else "This job has no results"
    return f"{what}: it was not requested, or it has been deleted, because results are kept for a limited time."


def _answer_page(status: int, title: str, text: str) -> dict[str, Any]:
    """Returns an HTML page; `text` is HTML too."""
    headers = {
        **_HEADERS,
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    page = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif; }}
  body {{ max-width: 34rem; margin: 18vh auto; padding: 0 1.5rem; }}
  h1 {{ font-size: 1.5rem; line-height: 1.25; }}
</style>
<h1>{title}</h1>
<p>{text}</p>
</html>
"""
    return {"statusCode": status, "headers": headers, "body": page}

"""The link in a notice: what it opens, what is refused, and how all links are revoked."""

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.conftest import OpenPage
from tests.frames import make_frames
from tests.local_aws.pipelines import DeployedPipeline, DeployPipeline
from videoinfer.function_logs import read_log_lines
from videoinfer.local.deployments import Engine, pipeline_parameters
from videoinfer.model_packages import LocalModel
from videoinfer.repository import SAMPLE_VIDEO
from videojobs.notices.share_links import SharedJob, ShareLinks
from videojobs.report.writer import PIECES_FOLDER, ReportFacts, ReportWriter

ODD_KEY = "line 3+ü%41/clip.MP4"


@dataclass(frozen=True)
class Shared:
    """A job that is done, and the link in its notice."""

    pipeline: DeployedPipeline
    link: str
    item: Mapping[str, Any]

    @property
    def key_secret(self) -> str:
        return f"{self.pipeline.stack}/share-key"

    @property
    def share_url(self) -> str:
        """The base URL of all links."""
        return self.link.partition("/s/")[0]

    def sign(self, now: datetime, key: str | None = None) -> str:
        """A link to the job made at `now`, good for a day, signed with the stack's own key or another."""
        if key is None:
            key = self.pipeline.clients.secretsmanager.get_secret_value(SecretId=self.key_secret)["SecretString"]
        job = SharedJob(self.item["upload_id"], int(self.item["attempt"]))
        return ShareLinks(key, self.share_url).make(job, now, days=1).url

    def read_output(self, name: str) -> bytes:
        bucket, key = self.pipeline.pipeline.results_bucket, f"results/{ODD_KEY}/{self.item['job_id']}/{name}"
        return self.pipeline.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def put_output(self, name: str, body: bytes, content_type: str) -> None:
        bucket, key = self.pipeline.pipeline.results_bucket, f"results/{ODD_KEY}/{self.item['job_id']}/{name}"
        self.pipeline.clients.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)


@pytest.fixture(scope="module")
def shared(deploy_pipeline: DeployPipeline, engine: Engine, model: LocalModel) -> Shared:
    pipeline = deploy_pipeline(**pipeline_parameters(engine, [model], infer_fps=1))
    upload = pipeline.upload(ODD_KEY, SAMPLE_VIDEO.read_bytes())
    item = pipeline.wait_for_job(upload)
    [notice] = pipeline.take_notices(upload)
    [link] = re.findall(r"^Look: (\S+)$", notice.text, flags=re.MULTILINE)
    return Shared(pipeline, link, item)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_link_redirects_to_a_url_that_works(shared: Shared, method: str) -> None:
    answer = requests.request(method, f"{shared.link}/results.json", allow_redirects=False, timeout=30)
    assert answer.status_code == HTTPStatus.FOUND
    output = requests.request(method, answer.headers["Location"], headers={"Origin": "null"}, timeout=30)
    assert output.status_code == HTTPStatus.OK
    assert output.headers["Access-Control-Allow-Origin"] == "*"
    if method == "GET":
        assert output.content == shared.read_output("results.json")


def test_the_link_opens_the_video(shared: Shared) -> None:
    video = requests.get(f"{shared.link}/video", timeout=30)
    assert video.content == SAMPLE_VIDEO.read_bytes()


def test_the_link_opens_every_output(shared: Shared) -> None:
    outputs = json.loads(shared.read_output("job.json"))["outputs"]
    assert outputs
    for name in (*outputs, "summary.json", "job.json"):
        answer = requests.get(f"{shared.link}/{name}", timeout=30)
        assert answer.status_code == HTTPStatus.OK, name
        assert answer.content


def test_the_link_opens_the_report(shared: Shared, open_page: OpenPage) -> None:
    page = open_page(shared.link)
    wait_for_drawing(page)
    expect(page).to_have_title(re.compile(r"clip\.MP4"))
    token = shared.link.rsplit("/", 1)[1]
    assert token not in shared.read_output("report.html").decode()


def test_a_large_report_loads_its_pieces_through_the_link(shared: Shared, open_page: OpenPage) -> None:
    put_report_in_pieces(shared)
    wait_for_drawing(open_page(shared.link))


def wait_for_drawing(page: Page) -> None:
    """Waits until the video shows a picture with its detections drawn over it."""
    page.wait_for_function("() => document.querySelector('#video').readyState >= 2")
    page.wait_for_function(
        """() => { const canvas = document.querySelector('#overlay');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.some(value => value > 0); }"""
    )


def test_no_log_contains_the_token(shared: Shared) -> None:
    logs = "\n".join(line.text for line in read_log_lines(shared.pipeline.clients))
    assert "A share link has been answered." in logs
    assert shared.link.rsplit("/", 1)[1] not in logs
    assert "X-Amz-Signature" not in logs


@pytest.mark.parametrize(
    ("break_link", "words"),
    [
        pytest.param(lambda shared: shared.link[:-1], "Check that you copied all of it", id="cut off"),
        pytest.param(lambda shared: shared.link.replace("/s/W", "/s/V"), "does not work", id="tampered with"),
        pytest.param(
            lambda shared: shared.sign(datetime.now(UTC), "another stack's key"), "does not work", id="foreign"
        ),
        pytest.param(
            lambda shared: shared.sign(datetime.now(UTC) - timedelta(days=2)), "This link has expired", id="expired"
        ),
    ],
)
@pytest.mark.parametrize("name", ["", "/video", "/results.json"])
def test_other_links_are_refused_with_a_page_that_says_what_to_do(
    shared: Shared, break_link: Callable[[Shared], str], words: str, name: str
) -> None:
    answer = requests.get(break_link(shared) + name, allow_redirects=False, timeout=30)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert answer.headers["Content-Type"].startswith("text/html")
    assert words in answer.text
    assert "Location" not in answer.headers


def test_a_link_opens_only_the_job_s_files(shared: Shared) -> None:
    for name in ("no-such.json", "..%2f..%2fresults.json", "../video"):
        url = f"{shared.link}/{name}"
        request = requests.Request("GET", url).prepare()
        request.url = url  # unnormalized
        with requests.Session() as session:
            assert session.send(request, allow_redirects=False, timeout=30).status_code != HTTPStatus.FOUND


def test_a_new_key_revokes_all_links(shared: Shared) -> None:
    """This must be the file's last test, because the link no longer works afterwards."""
    clients = shared.pipeline.clients
    clients.secretsmanager.put_secret_value(SecretId=shared.key_secret, SecretString="another key")
    forget_key(shared)

    assert requests.get(shared.link, allow_redirects=False, timeout=30).status_code == HTTPStatus.FORBIDDEN
    new = requests.get(shared.sign(datetime.now(UTC)), allow_redirects=False, timeout=30)
    assert new.status_code == HTTPStatus.FOUND


def forget_key(shared: Shared) -> None:
    """Restarts the function by changing its variables, because a running function keeps the old key for a minute."""
    functions = shared.pipeline.clients.lambda_
    resources = shared.pipeline.clients.cloudformation.describe_stack_resources(StackName=shared.pipeline.stack)
    [name] = [
        resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
        if resource["LogicalResourceId"] == "OpenShareLinkFunction"
    ]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "ANEW": "another key"}}
    )


def put_report_in_pieces(shared: Shared) -> None:
    """Stores the job's report with its data in pieces beside it."""
    results = json.loads(shared.read_output("results.json"))
    [model_id] = set(results) - {"frame_offset", "time_offset"}
    with ReportWriter() as writer:
        writer.add_model(model_id, "object-detection")
        writer.add(make_frames(model_id, results[model_id], results["frame_offset"], results["time_offset"]))
        facts = ReportFacts("clip.MP4", "video", share_url=shared.share_url)
        report = writer.finish(facts, inline_max_bytes=0)
        page = io.BytesIO()
        report.write_page(page)
        shared.put_output("report.html", page.getvalue(), "text/html")
        for name, piece in report.pieces():
            shared.put_output(f"{PIECES_FOLDER}/{name}", piece, "application/gzip")

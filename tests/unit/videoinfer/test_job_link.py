"""`videoinfer open`, and the link in `videoinfer show`."""

import json
import re
import webbrowser
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from tests.pipeline_stacks import make_stack
from tests.unit.videoinfer.test_ledger_view import CLIP
from videoinfer import stack_commands
from videoinfer.aws_clients import AwsClients
from videoinfer.job_link import find_link
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videoinfer.terminal import Console
from videojobs.jobs.ledger import Ledger
from videojobs.notices.share_links import SharedJob, ShareLinks

URL = "https://api.example.com"


def script_answers(clients: AwsClients, *, is_allowed: bool = True) -> list[Stubber]:
    """Answers, once, what a link is made from."""
    resource = {"PhysicalResourceId": "f", "LogicalResourceId": "OpenShareLinkFunction", "ResourceType": "t"}
    detail = {**resource, "LastUpdatedTimestamp": datetime.now(UTC), "ResourceStatus": "CREATE_COMPLETE"}
    variables = {"SHARE_KEY_SECRET": "videoinfer/share-key", "SHARE_URL": URL}
    stubs = [Stubber(it) for it in (clients.cloudformation, clients.lambda_, clients.secretsmanager)]
    stubs[0].add_response("describe_stack_resource", {"StackResourceDetail": detail})
    stubs[1].add_response(
        "get_function_configuration", {"Environment": {"Variables": variables}}, {"FunctionName": "f"}
    )
    if is_allowed:
        stubs[2].add_response("get_secret_value", {"SecretString": "key"}, {"SecretId": "videoinfer/share-key"})
    else:
        stubs[2].add_client_error("get_secret_value", "AccessDeniedException", http_status_code=400)
    for stub in stubs:
        stub.activate()
    return stubs


@pytest.fixture
def stack(jobs: LedgerView, clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsClients]:
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: make_stack(clients))
    stubs = script_answers(clients)
    yield clients
    for stub in stubs:
        stub.assert_no_pending_responses()


def read_token(link: str) -> object:
    return ShareLinks("key", URL).read(link.removeprefix(f"{URL}/s/"), datetime.now(UTC))


def test_open_prints_a_link_that_the_stack_accepts(stack: AwsClients, ledger: Ledger) -> None:
    ledger.record(CLIP, 2, status="done", job_id="j1", results_location="s3://results/x/results.json")

    result = CliRunner().invoke(app, ["open", "j1"])

    assert result.exit_code == 0, result.output
    assert read_token(result.output.strip()) == SharedJob(CLIP.upload_id, 2)


@pytest.mark.parametrize("has_browser", [True, False])
def test_open_opens_the_browser_if_there_is_one(
    stack: AwsClients, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, has_browser: bool
) -> None:
    opened: list[str] = []

    def open_browser(url: str) -> bool:
        opened.append(url)
        return has_browser

    monkeypatch.setattr(webbrowser, "open", open_browser)
    monkeypatch.setattr(stack_commands, "Console", lambda: Console(force_terminal=True, no_color=True))
    ledger.record(CLIP, 1, status="done", job_id="j1", results_location="s3://results/x/results.json")

    result = CliRunner().invoke(app, ["open", "j1"])

    assert opened == [result.output.split()[0]]
    assert ("No browser can be opened here" in result.output) != has_browser


def test_show_has_a_link(stack: AwsClients, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="done", job_id="j1", results_location="s3://results/x/results.json")

    shown = json.loads(CliRunner().invoke(app, ["show", "j1", "--json"]).output)

    assert read_token(shown["link"]) == SharedJob(CLIP.upload_id, 1)


def test_without_the_permission_there_is_no_link(clients: AwsClients) -> None:
    script_answers(clients, is_allowed=False)
    item = {"upload_id": "u", "attempt": 1, "results_location": "s3://results/x/results.json"}

    assert find_link(make_stack(clients), item) is None


@pytest.mark.parametrize(("status", "further"), [("running", "wait"), ("failed", "show")])
def test_a_job_without_results_has_no_report(
    jobs: LedgerView, ledger: Ledger, clients: AwsClients, monkeypatch: pytest.MonkeyPatch, status: str, further: str
) -> None:
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: make_stack(clients))
    ledger.record(CLIP, 1, status=status, job_id="j1")  # type: ignore[arg-type]

    result = CliRunner().invoke(app, ["open", "j1"])

    assert result.exit_code == 1
    assert re.search(f"has no report: its status is {status}. See `.*videoinfer {further} j1`", result.output)

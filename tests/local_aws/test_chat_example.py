"""`docs/examples/chat.yaml` on the embedded AWS: what a chat or a webhook receives, whatever the names are.

MiniStack's CloudFormation lacks API destinations, but its EventBridge sends to them. So the template's resources are
created by EventBridge's own API, with the properties that the template gives them.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest
from cfnlint.decode import cfn_yaml

from tests.cloudformation import Evaluator
from tests.serving import serve
from tests.unit.videoinfer.verification.test_message_checks import make_event
from videoinfer.aws_clients import AwsClients
from videoinfer.local.embedded_aws import embedded_aws
from videoinfer.repository import ROOT
from videojobs.jobs.uploads import Upload

TEMPLATE = ROOT / "docs" / "examples" / "chat.yaml"
BUCKET = "uploads"
HOSTILE = 'a "quoted"\\ <summary> <!channel> [x](http://evil.example)\n}]}, {"text": "安\u202e'
SECONDS = 60


@dataclass
class Inbox:
    """Requests that chats received, by path."""

    requests: list[tuple[str, Mapping[str, str], Any]] = field(default_factory=list)

    def wait_for(self, path: str, text: str = "") -> tuple[Mapping[str, str], Any]:
        """Returns the first request to a path whose body contains a text."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for found, headers, body in self.requests:
                if found == path and text in json.dumps(body):
                    return headers, body
            time.sleep(0.05)
        raise AssertionError(f"Nothing was sent to {path} in {SECONDS} s.")


def make_server(inbox: Inbox) -> ThreadingHTTPServer:
    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.requests.append((self.path, dict(self.headers), json.loads(content)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keeps the tests' output clean."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Chat)


@dataclass(frozen=True)
class Chats:
    clients: AwsClients
    inbox: Inbox

    def send(self, key: str, **fields: Any) -> None:
        event = make_event(Upload(bucket=BUCKET, key=key, size_bytes=5, etag="e", version_id="v1"), **fields)
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
        self.clients.events.put_events(Entries=[entry])  # type: ignore[list-item]


@pytest.fixture(scope="module")
def chats() -> Iterator[Chats]:
    inbox = Inbox()
    with embedded_aws() as aws, serve(make_server(inbox)) as url:
        deploy(aws.clients, url)
        yield Chats(aws.clients, inbox)


def deploy(clients: AwsClients, url: str) -> None:
    """Creates the template's connections, API destinations and rule."""
    template = cast(dict[str, Any], json.loads(json.dumps(cfn_yaml.load(str(TEMPLATE)))))
    queue = clients.sqs.create_queue(QueueName="unsent")["QueueUrl"]
    references = {
        "UploadsBucket": BUCKET,
        "WebhookKey": "k3y",
        "UnsentMessages": queue,
        "UnsentMessages.Arn": "arn:aws:sqs:us-east-1:123456789012:unsent",
        "SendRole.Arn": "arn:aws:iam::123456789012:role/send",
        **{f"{name}Url": f"{url}/{name.lower()}" for name in ("Slack", "Teams", "Webhook")},
    }
    events, kinds = clients.events, {name: it["Type"] for name, it in template["Resources"].items()}
    for name in (name for name, kind in kinds.items() if kind == "AWS::Events::Connection"):
        properties = Evaluator(template, references).evaluate(template["Resources"][name]["Properties"])
        references[f"{name}.Arn"] = events.create_connection(Name=name, **properties)["ConnectionArn"]
    for name in (name for name, kind in kinds.items() if kind == "AWS::Events::ApiDestination"):
        properties = Evaluator(template, references).evaluate(template["Resources"][name]["Properties"])
        references[f"{name}.Arn"] = events.create_api_destination(Name=name, **properties)["ApiDestinationArn"]
    rule = Evaluator(template, references).evaluate(template["Resources"]["JobEnded"]["Properties"])
    events.put_rule(Name="ours", EventPattern=json.dumps(rule["EventPattern"]))
    answer = events.put_targets(Rule="ours", Targets=rule["Targets"])
    assert answer["FailedEntryCount"] == 0


@pytest.fixture
def sent(chats: Chats) -> Inbox:
    chats.inbox.requests.clear()
    chats.send(HOSTILE, summary=HOSTILE)
    return chats.inbox


def test_slack_shows_names_as_they_are(sent: Inbox) -> None:
    _, message = sent.wait_for("/slack")
    section, context = message["blocks"]
    assert section["text"] == {"type": "plain_text", "emoji": False, "text": HOSTILE}
    assert [element["text"] for element in context["elements"]] == ["done", HOSTILE]
    assert {element["type"] for element in context["elements"]} == {"plain_text"}
    assert message["text"] == "A video job has ended."


def test_teams_shows_names_as_they_are(sent: Inbox) -> None:
    _, message = sent.wait_for("/teams")
    [attachment] = message["attachments"]
    assert (message["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], {block["type"] for block in card["body"]}) == ("AdaptiveCard", {"RichTextBlock"})
    assert [block["inlines"][0]["text"] for block in card["body"]] == [HOSTILE, "done", HOSTILE]


def test_a_webhook_gets_the_whole_detail_and_the_key(sent: Inbox) -> None:
    headers, message = sent.wait_for("/webhook")
    assert headers["X-Api-Key"] == "k3y"
    assert message["event_id"]
    assert message["job"]["upload"]["key"] == HOSTILE
    assert message["job"]["counts"] == {"hands": {"Rock": 2, "a <b>": 1}}


def test_a_job_without_a_notice_is_not_sent(chats: Chats) -> None:
    chats.inbox.requests.clear()
    chats.send("quiet.mp4", notice_sent=False)
    chats.send("loud.mp4")
    chats.inbox.wait_for("/webhook", "loud.mp4")
    assert not any("quiet.mp4" in json.dumps(body) for _, _, body in chats.inbox.requests)

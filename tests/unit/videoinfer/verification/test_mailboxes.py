"""Mailboxes receive the messages of their kind, from this run only."""

import json

import pytest

from tests.unit.videoinfer.verification.accounts import Account
from videoinfer.verification.mailboxes import Mailboxes, compose_pattern, open_mailboxes


def test_mailboxes_receive_their_messages_and_nobody_else_may_send(account: Account) -> None:
    boxes = open_mailboxes(account.traces)
    clients, topic = account.clients, account.traces.stack.notices_topic_arn
    assert boxes.wait_until_rule_works(account.traces, 10)
    clients.sns.publish(TopicArn=topic, Subject="clip.mp4: Rock", Message="Video: s3://uploads/clip.mp4")
    [notice] = boxes.notices.wait_for(lambda message: message["Subject"] == "clip.mp4: Rock", 10)
    assert boxes.notices.wait_for(lambda message: message is notice, 0) == [notice]  # it stays in the mailbox
    assert boxes.events.wait_for(lambda event: event["source"] == "videoinfer", 0) == []
    for name, service, source in zip(
        account.traces.queue_names,
        ("sns.amazonaws.com", "events.amazonaws.com"),
        (topic, f"arn:aws:events:us-east-1:123456789012:rule/{account.traces.name}"),
        strict=True,
    ):
        url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        attributes = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        statement = json.loads(attributes["Policy"])["Statement"]
        assert statement["Principal"] == {"Service": service}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": source}}
        assert statement["Resource"] == attributes["QueueArn"]


def test_a_rule_that_forwards_nothing_is_detected(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: Mailboxes = open_mailboxes(account.traces)
    monkeypatch.setattr(account.clients.events, "put_events", lambda **_entries: None)
    assert not boxes.wait_until_rule_works(account.traces, 1)


def test_the_rule_matches_only_this_run_s_events() -> None:
    pattern = compose_pattern("videoinfer-verify/run/")
    assert pattern["detail"] == {"upload": {"key": [{"prefix": "videoinfer-verify/run/"}]}}
    assert pattern["detail-type"] == ["Video Job Ended"]

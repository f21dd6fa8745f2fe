"""No asynchronous call of a function is lost: at the end it is in a dead-letter queue that an alarm watches.

Lambda retries an asynchronous call twice and then drops it. So events go to queues, and nothing calls functions
asynchronously, except to warm them: such a call may be lost.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.permissions import unwrap
from tests.templates import ROOT, TEMPLATES, find_resources, read_expanded_templates

WAITING_CALLERS = {"apigateway.amazonaws.com"}
"""Services that wait for the function's answer and return it. Others (S3, SNS, EventBridge, ...) call without waiting.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""


def find_expanded(application: str, kind: str) -> Iterator[dict[str, Any]]:
    """The properties of all resources of a type, after the SAM transform."""
    resources = read_expanded_templates()[application]["Resources"].values()
    return (resource["Properties"] for resource in resources if resource["Type"] == kind)


def find_event_rules(application: str) -> list[dict[str, Any]]:
    """The rules for events. A scheduled rule loses nothing: its next event makes up for one that is lost."""
    return [rule for rule in find_expanded(application, "AWS::Events::Rule") if "ScheduleExpression" not in rule]


def find_watched_queues() -> set[str]:
    """The queues whose messages raise an alarm."""
    return {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in find_resources("pipeline", "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
        and alarm["Properties"]["Threshold"] == 0
        for dimension in alarm["Properties"]["Dimensions"]
    }


def name_resource(arn: Any) -> str:
    name, attribute = arn["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(name)


@pytest.mark.parametrize("application", TEMPLATES)
def test_every_caller_of_a_function_waits_for_its_answer(application: str) -> None:
    permissions = list(find_expanded(application, "AWS::Lambda::Permission"))
    assert {permission["Principal"] for permission in permissions} == WAITING_CALLERS


def test_only_the_calls_that_warm_functions_are_asynchronous_and_they_are_not_repeated() -> None:
    sources = [*ROOT.glob("*/functions/*/*.py"), *ROOT.glob("layers/*/*/**/*.py"), *ROOT.glob("engine/*/*/**/*.py")]
    calling = {path.name for path in sources if ".aws-sam" not in path.parts and "InvocationType" in path.read_text()}
    assert calling == {"warming.py"}
    assert not list(find_expanded("pipeline", "AWS::Lambda::EventInvokeConfig"))
    configs = list(find_expanded("engine", "AWS::Lambda::EventInvokeConfig"))
    [policy] = find_resources("engine", "AWS::Serverless::Function")["FetchVideoFunction"]["Properties"]["Policies"]
    [called] = [it["Resource"] for it in policy["Statement"] if it.get("Action") == "lambda:InvokeFunction"]
    assert [config["FunctionName"]["Ref"] for config in configs] == [arn["Fn::GetAtt"][0] for arn in called]
    assert {it["MaximumRetryAttempts"] for it in configs} == {0}


@pytest.mark.parametrize("application", TEMPLATES)
def test_every_queue_that_a_function_reads_has_a_dead_letter_queue_with_an_alarm(application: str) -> None:
    queues = find_resources(application, "AWS::SQS::Queue")
    read = {name_resource(it["EventSourceArn"]) for it in find_expanded(application, "AWS::Lambda::EventSourceMapping")}
    dead_letters = {name_resource(queues[name]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]) for name in read}
    assert dead_letters <= find_watched_queues()
    assert set(queues) == read | dead_letters
    # SQS counts the 14 days from when a message was sent, not from when it was moved.
    assert all(queues[name]["Properties"]["MessageRetentionPeriod"] == 1_209_600 for name in read | dead_letters)


@pytest.mark.parametrize("application", TEMPLATES)
def test_every_target_of_an_event_is_a_queue_and_has_a_dead_letter_queue_with_an_alarm(application: str) -> None:
    queues = find_resources(application, "AWS::SQS::Queue")
    for rule in find_event_rules(application):
        for target in rule["Targets"]:
            assert name_resource(target["Arn"]) in queues
            assert name_resource(target["DeadLetterConfig"]["Arn"]) in find_watched_queues()


def test_only_eventbridge_may_send_to_the_queues_of_the_rule() -> None:
    told = dict[str, str]()
    for name, rule in find_resources("pipeline", "AWS::Events::Rule").items():
        [target] = rule["Properties"]["Targets"]
        told |= dict.fromkeys((name_resource(target["Arn"]), name_resource(target["DeadLetterConfig"]["Arn"])), name)
    for policy in find_resources("pipeline", "AWS::SQS::QueuePolicy").values():
        [queue] = policy["Properties"]["Queues"]
        [wrapped] = policy["Properties"]["PolicyDocument"]["Statement"]
        for statement in unwrap(wrapped):
            assert name_resource(statement["Resource"]) == queue["Ref"]
            if statement["Principal"] == {"Service": "events.amazonaws.com"}:
                rule_arn = {"Fn::GetAtt": [told.pop(queue["Ref"]), "Arn"]}
                assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rule_arn}}
    assert told == {}

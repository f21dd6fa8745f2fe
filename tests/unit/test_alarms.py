"""Monitoring: every alarm has a runbook, every metric is on the dashboard, and all of them exist."""

import json
import re
from typing import Any, get_args

import pytest

from tests.templates import ROOT, find_resources
from videoinfer.main import app
from videojobs.metrics import NAMESPACE, MetricName

ALARMS = find_resources("pipeline", "AWS::CloudWatch::Alarm")
RUNBOOKS = dict(
    section.split("\n", 1)
    for section in re.split(r"^### Alarm ", (ROOT / "docs" / "operations.md").read_text(), flags=re.MULTILINE)[1:]
)


def read_dashboard() -> Any:
    """The dashboard's body, with logical names where the template refers to resources."""
    [dashboard] = find_resources("pipeline", "AWS::CloudWatch::Dashboard").values()
    return json.loads(dashboard["Properties"]["DashboardBody"]["Fn::Sub"])


def list_metrics() -> list[list[Any]]:
    return [row for widget in read_dashboard()["widgets"] for row in widget["properties"].get("metrics", ())]


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm() -> None:
    assert set(RUNBOOKS) == {name.removesuffix("Alarm") for name in ALARMS}


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_the_commands_of_a_runbook_exist(name: str) -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr]
    for group in app.registered_groups:
        assert group.typer_instance
        commands |= {c.name or c.callback.__name__ for c in group.typer_instance.registered_commands}  # type: ignore[union-attr]
    [block] = re.findall(r"```console\n(.*?)```", RUNBOOKS[name.removesuffix("Alarm")].split("\n## ")[0], re.DOTALL)
    named = re.findall(r"^videoinfer ([a-z-]+)", block, re.MULTILINE)
    assert named
    assert set(named) <= commands


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_names_its_runbook_notifies_a_topic_and_is_ok_without_data(name: str) -> None:
    properties = ALARMS[name]["Properties"]
    assert f"docs/operations.md, Alarm {name.removesuffix('Alarm')}." in properties["AlarmDescription"]
    assert properties["AlarmActions"] == [{"Ref": "AlarmsTopic"}]
    assert properties["TreatMissingData"] == "notBreaching"


def test_cloudwatch_can_publish_to_the_alarms_topic() -> None:
    topic = find_resources("pipeline", "AWS::SNS::Topic")["AlarmsTopic"]
    assert topic.get("Properties", {}).get("KmsMasterKeyId") != "alias/aws/sns"


def test_the_functions_emit_every_custom_metric_that_is_watched() -> None:
    watched = {
        alarm["Properties"]["MetricName"] for alarm in ALARMS.values() if alarm["Properties"]["Namespace"] == NAMESPACE
    }
    shown = {row[1] for row in list_metrics() if row[0] == NAMESPACE}
    assert watched <= shown == set(get_args(MetricName))


def test_the_dashboard_shows_every_alarm() -> None:
    [widget] = [widget for widget in read_dashboard()["widgets"] if widget["type"] == "alarm"]
    assert widget["properties"]["alarms"] == [f"${{{name}.Arn}}" for name in ALARMS]


def test_traces_are_on() -> None:
    template_text = (ROOT / "template.yaml").read_text()
    assert "Tracing: Active" in template_text.split("Globals:")[1].split("Resources:")[0]
    for machine in find_resources("pipeline", "AWS::Serverless::StateMachine").values():
        assert machine["Properties"]["Tracing"] == {"Enabled": True}

"""Nothing that is deployed hard-codes an AWS partition: ARNs and console links differ in China and GovCloud."""

import json

import pytest

from tests.templates import ROOT, STATE_MACHINES, TEMPLATES, find_definition, read_expanded_templates, read_template
from videojobs.notices.notices import CONSOLE_HOSTS, compose_console_url

REGIONS = {"aws": "eu-central-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
SOURCES = [
    path
    for folder in ("functions", "layers", "engine/functions", "engine/layers", "videoinfer")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not {".aws-sam", ".build"} & {*path.parts}
]


@pytest.mark.parametrize("machine", STATE_MACHINES)
def test_a_state_machine_names_no_partition(machine: str) -> None:
    path, substitutions = find_definition(machine)
    assert "arn:aws" not in path.read_text()
    assert substitutions["Partition"] == {"Ref": "AWS::Partition"}


@pytest.mark.parametrize("application", TEMPLATES)
def test_a_template_names_no_partition(application: str) -> None:
    assert "arn:aws" not in TEMPLATES[application].read_text()


@pytest.mark.slow
@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_the_transform_adds_no_other_partition(partition: str) -> None:
    expanded = json.dumps(read_expanded_templates(REGIONS[partition]))
    assert "arn:aws:" not in expanded
    assert f"arn:{partition}:iam::aws:policy/" in expanded


def test_the_code_names_no_partition() -> None:
    assert len(SOURCES) > 80
    assert [path for path in SOURCES if "arn:aws" in path.read_text()] == []


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "eu-central-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("aws-new", "eu-central-1.console.aws.amazon.com"),
    ],
)
def test_a_console_link_leads_to_the_partition_s_own_console(partition: str, host: str) -> None:
    region = REGIONS.get(partition, "eu-central-1")
    link = f"https://{host}/s3/object/results?region={region}&prefix=a%2Fb.json"
    assert compose_console_url(partition, region, "results", "a/b.json") == link


def test_the_dashboard_s_link_and_the_notices_use_the_same_consoles() -> None:
    template = read_template("pipeline")
    url, places = template["Outputs"]["DashboardUrl"]["Value"]["Fn::Sub"]
    assert url.startswith("https://${AWS::Region}.${Console}/cloudwatch/")
    conditions = {name: rule["Fn::Equals"][1] for name, rule in template["Conditions"].items() if "Fn::Equals" in rule}
    hosts, choice = dict[str, str](), places["Console"]
    while isinstance(choice, dict):
        condition, host, choice = choice["Fn::If"]
        hosts[conditions[condition]] = host
    assert {**hosts, "aws": choice} == CONSOLE_HOSTS

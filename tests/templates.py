"""The two applications' templates and state machines, read as data."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, cast

from cfnlint.decode import cfn_yaml

from videoinfer.repository import SAM, require_tool

ROOT = Path(__file__).parents[1]

TEMPLATES = {"pipeline": ROOT / "template.yaml", "engine": ROOT / "engine" / "template.yaml"}

STATE_MACHINES = {
    "pipeline": ("pipeline", "VideoJobStateMachine"),
    "digest": ("pipeline", "NoticesDigestStateMachine"),
    "engine": ("engine", "InferenceJobStateMachine"),
}
"""Each state machine's application and logical id, by the name that tests have for it."""


def read_template(application: str) -> dict[str, Any]:
    """Reads a template; each caller gets its own copy."""
    return cast(dict[str, Any], json.loads(_read_json(application)))


@cache
def _read_json(application: str) -> str:
    """The template as JSON, cached because parsing the YAML takes a fifth of a second."""
    return json.dumps(cfn_yaml.load(str(TEMPLATES[application])))


@cache
def read_expanded_templates(region: str = "us-east-1") -> dict[str, dict[str, Any]]:
    """Both templates after the SAM transform, with the roles that it creates, by application."""
    python = require_tool(SAM).with_name("python")
    templates = json.dumps({application: read_template(application) for application in TEMPLATES})
    expand = [str(python), str(Path(__file__).with_name("expand_templates.py")), region]
    expanded = subprocess.run(expand, input=templates, capture_output=True, text=True, check=True)
    return cast(dict[str, dict[str, Any]], json.loads(expanded.stdout))


def find_resources(application: str, kind: str) -> dict[str, dict[str, Any]]:
    """Returns the resources of one type, by logical id."""
    resources = read_template(application)["Resources"]
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def find_definition(machine: str) -> tuple[Path, dict[str, Any]]:
    """Returns the file of one of the `STATE_MACHINES`, and the template's substitutions in it."""
    application, logical_id = STATE_MACHINES[machine]
    properties = find_resources(application, "AWS::Serverless::StateMachine")[logical_id]["Properties"]
    return TEMPLATES[application].parent / properties["DefinitionUri"], properties["DefinitionSubstitutions"]


def read_definition(machine: str) -> dict[str, Any]:
    """Reads the definition as in AWS's commercial partition, with 1 for every substituted number."""
    return fill_definition(find_definition(machine)[0].read_text())


def fill_definition(text: str) -> dict[str, Any]:
    """Reads a definition's text, in the same way."""
    return cast(dict[str, Any], json.loads(re.sub(r": \$\{\w+\}", ": 1", text.replace("${Partition}", "aws"))))

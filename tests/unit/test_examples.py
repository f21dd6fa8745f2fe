"""The templates in docs/examples are valid, and keep foreign text and secrets where they belong."""

import json
import re
from typing import Any, cast

import pytest
from cfnlint.api import lint_file
from cfnlint.decode import cfn_yaml

from tests.cloudformation import Evaluator
from videoinfer.repository import ROOT

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
CHAT = ROOT / "docs" / "examples" / "chat.yaml"
SECRETS = ("SlackUrl", "TeamsUrl", "WebhookUrl", "WebhookKey")

_STRING = re.compile(r'"(?:\\.|[^"\\])*"')


def read_chat() -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(json.dumps(cfn_yaml.load(str(CHAT)))))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(example: Any) -> None:
    assert lint_file(example) == []


def test_each_variable_is_a_whole_json_value() -> None:
    """EventBridge writes such a variable as JSON, but does not escape one inside a string."""
    targets = [target["Fn::If"][1] for target in read_chat()["Resources"]["JobEnded"]["Properties"]["Targets"]]
    assert len(targets) == 3
    for target in targets:
        template, variables = target["InputTransformer"]["InputTemplate"], target["InputTransformer"]["InputPathsMap"]
        assert not any(f"<{name}>" in text for text in _STRING.findall(template) for name in variables)
        used = set(re.findall(r"<(\w+)>", template))
        assert used == variables.keys()
        json.loads(re.sub(r"<\w+>", "null", template))


def test_secrets_are_hidden() -> None:
    parameters = read_chat()["Parameters"]
    assert [name for name, it in parameters.items() if it.get("NoEcho")] == list(SECRETS)


@pytest.mark.parametrize("given", [("SlackUrl",), ("TeamsUrl", "WebhookUrl")])
def test_only_what_has_a_url_is_created(given: tuple[str, ...]) -> None:
    template = read_chat()
    references = {
        "UploadsBucket": "uploads",
        **{f"{name}.Arn": f"arn:{name}" for name in template["Resources"]},
        **{name: f"https://chat.example.com/{name}" for name in given},
    }
    evaluator = Evaluator(template, references)
    wanted = [name.removesuffix("Url").lower() for name in given]
    resources = template["Resources"]
    assert [it["Id"] for it in evaluator.evaluate(resources["JobEnded"]["Properties"]["Targets"])] == wanted
    [statement] = evaluator.evaluate(resources["SendRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"])
    assert len(statement["Resource"]) == len(given)


def test_the_events_fields_are_those_of_the_pipeline() -> None:
    """A path that does not exist would leave its variable out."""
    example = json.loads((ROOT / "docs" / "events.md").read_text().split("```json")[1].split("```")[0])
    for target in read_chat()["Resources"]["JobEnded"]["Properties"]["Targets"]:
        for path in target["Fn::If"][1]["InputTransformer"]["InputPathsMap"].values():
            found: Any = {"id": "1", **example}
            for part in path.removeprefix("$.").split("."):
                found = found[part]
            assert found is not None

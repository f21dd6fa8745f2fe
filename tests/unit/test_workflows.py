"""GitHub's workflows: least permissions, pinned actions, and no foreign text in their scripts."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.templates import ROOT, read_expanded_templates

WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())

PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40}")
"""An action pinned by a commit's digest, because a tag can be moved to another commit."""

EXTRA_PERMISSIONS = {
    "deploy-and-verify.yml": {("id-token", "write")},
    "release.yml": {("id-token", "write"), ("attestations", "write")},
}
"""Permissions beyond `contents: read`, by workflow."""


def read_workflow(path: Path) -> dict[str, Any]:
    # The base loader keeps `on` a string; YAML 1.1 reads it as true.
    workflow: dict[str, Any] = yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506  it only makes strings
    return workflow


def list_steps(workflow: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


def test_ci_runs_the_same_script_as_developers() -> None:
    workflow = read_workflow(ROOT / ".github" / "workflows" / "ci.yml")
    assert [step["run"] for step in list_steps(workflow) if "run" in step][-1] == ".ci/run"
    assert set(workflow["on"]) == {"push", "pull_request"}


def test_ci_searches_every_file_for_keys() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\ncheck:")[1].split("\n\n.PHONY")[0]
    assert "make check" in (ROOT / ".ci" / "run").read_text()
    assert "git ls-files -z | xargs -0 .venv-check/bin/detect-secrets-hook" in recipe


def test_a_workflow_may_only_read_the_repository_unless_listed(path: Path) -> None:
    workflow = read_workflow(path)
    permissions = [workflow["permissions"], *(job.get("permissions", {}) for job in workflow["jobs"].values())]
    granted = {grant for some in permissions for grant in some.items()}
    assert granted <= {("contents", "read")} | EXTRA_PERMISSIONS.get(path.name, set())


def test_every_action_is_pinned_by_a_digest_with_its_version_beside_it(path: Path) -> None:
    for step in list_steps(read_workflow(path)):
        if "uses" in step:
            assert PINNED.fullmatch(step["uses"])
    for line in path.read_text().splitlines():
        assert "uses:" not in line or re.search(r" # v\d+\.\d+\.\d+$", line), line


def test_the_checkout_keeps_no_credentials(path: Path) -> None:
    checkouts = [step for step in list_steps(read_workflow(path)) if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_a_script_takes_values_only_from_its_environment(path: Path) -> None:
    """GitHub pastes an expression into the script before a shell reads it."""
    for step in list_steps(read_workflow(path)):
        assert "${{" not in step.get("run", "")


def test_a_run_has_a_timeout_and_is_alone_of_its_kind(path: Path) -> None:
    workflow = read_workflow(path)
    assert "concurrency" in workflow
    assert all(int(job["timeout-minutes"]) <= 90 for job in workflow["jobs"].values())


def test_only_a_manual_run_uses_the_account(path: Path) -> None:
    workflow = read_workflow(path)
    if any("configure-aws-credentials@" in step.get("uses", "") for step in list_steps(workflow)):
        assert set(workflow["on"]) == {"workflow_dispatch"}
        [job] = workflow["jobs"].values()
        assert job["environment"] == "aws"
        assert workflow["permissions"] == {}
    else:
        assert path.name == "ci.yml"


def test_a_release_attests_its_packaged_templates_and_what_make_wrote_of_them() -> None:
    steps = list(list_steps(read_workflow(ROOT / ".github" / "workflows" / "release.yml")))
    given = [step["with"] for step in steps if step.get("uses", "").startswith("actions/attest@")]
    provenance, *sboms = given
    assert provenance == {"subject-path": ".aws-sam/release/*"}
    recipe = (ROOT / "Makefile").read_text().split("\nsbom:")[1].split("\n\n")[0]
    [package] = [step["run"] for step in steps if "sam package" in step.get("run", "")]
    assert "make sbom" in [step.get("run") for step in steps]
    assert len(sboms) == 2
    for sbom in sboms:
        assert f" {sbom['sbom-path']}" in recipe
        assert f" {sbom['subject-path']}" in package
        assert Path(sbom["sbom-path"]).name.split(".")[0] == Path(sbom["subject-path"]).stem


def test_the_verifying_run_cleans_up() -> None:
    steps = list(list_steps(read_workflow(ROOT / ".github" / "workflows" / "deploy-and-verify.yml")))
    assert "videoinfer verify" in steps[-2]["run"]
    assert "remove_stack.py" in steps[-1]["run"]
    assert steps[-1]["if"].startswith("always()")


def test_only_the_steps_that_need_secrets_get_them_and_no_command_line_does() -> None:
    for path in WORKFLOWS:
        workflow = read_workflow(path)
        for step in list_steps(workflow):
            secrets = [name for name, value in step.get("env", {}).items() if "secrets." in value]
            assert all(f"${name}" not in step["run"] and f"${{{name}" not in step["run"] for name in secrets)
        outside = {**workflow, "jobs": [{**job, "steps": []} for job in workflow["jobs"].values()]}
        assert "secrets." not in str(outside)


@pytest.mark.slow
def test_the_deployment_role_covers_every_service_of_the_template() -> None:
    section = (ROOT / "docs" / "operations.md").read_text().split("## Deployed and verified by GitHub")[1]
    documented = re.findall(r"`([a-z0-9]+)`", section.split("the actions of ")[1].split(". ")[0])
    kinds = {
        resource["Type"].split("::")[1] for resource in read_expanded_templates()["pipeline"]["Resources"].values()
    }
    names = {"ApiGatewayV2": "apigateway", "StepFunctions": "states"}
    assert documented == sorted({"cloudformation", *(names.get(kind, kind.lower()) for kind in kinds)})

"""The state machines' definitions: their schema, their graph, and what the templates fill in."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from tests.parameters import NUMBERS
from tests.templates import find_definition, read_definition
from videojobs.budget import PATIENCE_SECONDS
from videojobs.settings import limit_deadline_seconds
from videojobs.waiting import WAITS_MAX

APPLICATIONS = ["pipeline", "engine"]


def walk_machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A state machine and those inside its Map states."""
    yield machine
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from walk_machines(state["ItemProcessor"])


def find_targets(state: dict[str, Any]) -> list[str]:
    ways = [state, *state.get("Choices", ()), *state.get("Catch", ())]
    targets = [way["Next"] for way in ways if "Next" in way]
    return targets + ([state["Default"]] if "Default" in state else [])


def find_tasks(application: str) -> list[tuple[str, dict[str, Any]]]:
    machines = walk_machines(read_definition(application))
    return [
        (name, state) for machine in machines for name, state in machine["States"].items() if state["Type"] == "Task"
    ]


@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_schema_holds(application: str) -> None:
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/role", "Definition": read_definition(application)}
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    matches = lint(json.dumps({"Resources": {"Machine": machine}}), config=ManualArgs(regions=["us-east-1"]))
    assert [match.message for match in matches] == []


@pytest.mark.parametrize("application", APPLICATIONS)
def test_every_state_can_be_reached_and_left(application: str) -> None:
    for machine in walk_machines(read_definition(application)):
        states = machine["States"]
        reached, ahead = set(), [machine["StartAt"]]
        while ahead:
            name = ahead.pop()
            assert name in states
            if name not in reached:
                reached.add(name)
                ahead += find_targets(states[name])
        assert reached == set(states)
        for name, state in states.items():
            ends = state.get("End") or state["Type"] in ("Succeed", "Fail")
            assert bool(find_targets(state)) != bool(ends), name


@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_template_fills_in_what_the_definition_leaves_open(application: str) -> None:
    path, substitutions = find_definition(application)
    assert set(re.findall(r"\$\{(\w+)\}", path.read_text())) == set(substitutions)


@pytest.mark.parametrize("application", APPLICATIONS)
def test_every_choice_has_a_way_out_for_the_unknown(application: str) -> None:
    for machine in walk_machines(read_definition(application)):
        assert all("Default" in state for state in machine["States"].values() if state["Type"] == "Choice")


@pytest.mark.parametrize("application", APPLICATIONS)
def test_every_task_is_bounded_and_tried_again(application: str) -> None:
    for name, task in find_tasks(application):
        assert "TimeoutSeconds" in task, name
        [retry] = [retry for retry in task["Retry"] if "States.ALL" in retry["ErrorEquals"]]
        assert retry["JitterStrategy"] == ("NONE" if name == "Check Job" else "FULL"), name


def test_a_poll_is_tried_again_until_the_latest_deadline() -> None:
    deadline_hours = NUMBERS["pipeline"]["DeadlineHours"].highest
    assert sum(list_retry_waits("Check Job")) > deadline_hours * 3600


@pytest.mark.parametrize("poll_seconds", [1, 60, 90, 120, 600])
def test_polls_and_their_retries_until_the_deadline_fit_into_a_history(poll_seconds: int) -> None:
    # Five of the task (entered, scheduled, started, succeeded, exited), and entering and leaving Wait and Choice; three
    # more for each retry. A history is fullest with as many retries of each poll as give the most events a second.
    waits = list_retry_waits("Check Job")
    tries = range(len(waits))
    # The start and its choice, a delivery that waits as often as it may before each of its 20 retries, a report with as
    # many retries, and an annotation with 3.
    besides = 1 + 2 + WAITS_MAX * 9 + 2 * (9 + 20 * 3) + 2 + (9 + 3 * 3)
    most_a_second = max((9 + 3 * n) / (poll_seconds + sum(waits[:n])) for n in tries)
    assert limit_deadline_seconds(40, poll_seconds, takes_turns=False) * most_a_second + besides < 25_000
    # A poll that finds no turn near has waited, and waits once more, for longer than a function's patience.
    most_a_second = max(
        most_a_second, *((18 + 3 * n) / (poll_seconds + PATIENCE_SECONDS + sum(waits[:n])) for n in tries)
    )
    assert limit_deadline_seconds(40, poll_seconds, takes_turns=True) * most_a_second + besides < 25_000


def list_retry_waits(state: str) -> list[float]:
    """Seconds before each retry of a state of the pipeline that does not jitter."""
    [retry] = read_definition("pipeline")["States"][state]["Retry"]
    return [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt, retry["MaxDelaySeconds"])
        for attempt in range(retry["MaxAttempts"])
    ]


def test_a_failure_never_ends_well() -> None:
    states = read_definition("pipeline")["States"]
    assert states["Is The Job Done?"]["Default"] == "Report Failure"
    assert states["Are The Results Delivered?"]["Default"] == "Report Failure"
    assert states["Is The Video Annotated?"]["Default"] == "Report Missing Annotation"
    assert states["Report Failure"]["Next"] == "Job Failed"
    assert states["Job Failed"]["Type"] == "Fail"

"""The state machines' definitions: their schema, their graph, and the templates' substitutions."""

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from math import ceil
from typing import Any, get_args

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from tests.parameters import NUMBERS
from tests.templates import find_definition, find_resources, read_definition, read_template
from tests.workflow.retriers import find_delay, list_waits
from videojobs.api.budget import PATIENCE_SECONDS
from videojobs.deliver_results import LAST_SECONDS
from videojobs.jobs.costs import PRICES
from videojobs.jobs.waiting import LAST_TRIES_SECONDS, WAITS_MAX
from videojobs.outputs.names import OutputName
from videojobs.send_digest import PUBLISH
from videojobs.settings import limit_deadline_seconds

MACHINES = ["pipeline", "digest", "engine"]
DEADLINES_SECONDS = {
    "pipeline": NUMBERS["pipeline"]["DeadlineHours"].highest * 3600,
    "digest": read_definition("digest")["TimeoutSeconds"],
    "engine": int(read_template("engine")["Mappings"]["Job"]["Limits"]["DeadlineSeconds"]),
}
"""The latest deadline of a job or a digest."""

DELIVERY_SECONDS = read_template("pipeline")["Resources"]["DeliverResultsFunction"]["Properties"]["Timeout"]

HISTORY_EVENTS_MAX = 25_000
"""The most events in an execution's history of a Standard workflow.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

STATE_EVENTS = 2
TASK_EVENTS = 5
RETRY_EVENTS = 3
"""A state is entered and exited. Between these, a task is scheduled, started and succeeds, or fails for each retry."""

POLL_EVENTS = TASK_EVENTS + 2 * STATE_EVENTS
"""Events of a wait, a check and a choice."""

CONTINUATIONS_MAX = ceil(LAST_TRIES_SECONDS / (DELIVERY_SECONDS - LAST_SECONDS)) + len(get_args(OutputName)) + 1
"""How often a delivery continues after the deadline: while results arrive, and then once per output."""

OTHER_EVENTS = (
    1  # the execution starts
    + STATE_EVENTS  # the first choice
    + (1 + WAITS_MAX + CONTINUATIONS_MAX) * (TASK_EVENTS + STATE_EVENTS)  # deliver, choose
    + WAITS_MAX * STATE_EVENTS  # wait for a turn
    + 2  # the annotated video and the dataset:
    * (
        STATE_EVENTS  # whether it is requested
        + 2 * (TASK_EVENTS + STATE_EVENTS)  # make, choose, record, choose
        + TASK_EVENTS  # report that it is missing
    )
    + STATE_EVENTS  # the end
)  # fmt: skip


def walk_machines(outermost: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields a state machine and those inside its Map states."""
    yield outermost
    for state in outermost["States"].values():
        if "ItemProcessor" in state:
            yield from walk_machines(state["ItemProcessor"])


def find_targets(state: dict[str, Any]) -> list[str]:
    """Lists the states that can follow a state."""
    ways = [state, *state.get("Choices", ()), *state.get("Catch", ())]
    targets = [way["Next"] for way in ways if "Next" in way]
    return targets + ([state["Default"]] if "Default" in state else [])


def find_tasks(machine: str, *, express: bool = False) -> list[tuple[str, dict[str, Any]]]:
    """Lists the name and state of each task, including those inside Map states.

    Args:
        express: Whether to list those of Express executions instead of those of Standard ones.
    """
    return [
        (name, state)
        for inner in walk_machines(read_definition(machine))
        if is_express(inner) == express
        for name, state in inner["States"].items()
        if state["Type"] == "Task"
    ]


def is_express(machine: dict[str, Any]) -> bool:
    return bool(machine.get("ProcessorConfig", {}).get("ExecutionType") == "EXPRESS")


@pytest.mark.parametrize("machine", MACHINES)
def test_the_definition_follows_the_schema(machine: str) -> None:
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/role", "Definition": read_definition(machine)}
    resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    matches = lint(json.dumps({"Resources": {"Machine": resource}}), config=ManualArgs(regions=["us-east-1"]))
    assert [match.message for match in matches] == []


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_can_be_reached_and_left(machine: str) -> None:
    for inner in walk_machines(read_definition(machine)):
        states = inner["States"]
        reached, ahead = set(), [inner["StartAt"]]
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


@pytest.mark.parametrize("machine", MACHINES)
def test_the_template_substitutes_every_placeholder_of_the_definition(machine: str) -> None:
    path, substitutions = find_definition(machine)
    assert set(re.findall(r"\$\{(\w+)\}", path.read_text())) == set(substitutions)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_choice_has_a_default(machine: str) -> None:
    for inner in walk_machines(read_definition(machine)):
        assert all("Default" in state for state in inner["States"].values() if state["Type"] == "Choice")


@pytest.mark.parametrize("machine", MACHINES)
def test_every_task_has_a_timeout_and_a_retrier(machine: str) -> None:
    for name, task in find_tasks(machine):
        assert "TimeoutSeconds" in task, name
        if name == "Publish Digest":
            continue  # see test_a_digest_is_published_once
        [retry] = [retry for retry in task["Retry"] if "States.ALL" in retry["ErrorEquals"]]
        assert retry["JitterStrategy"] == ("NONE" if name in ("Check Job", "Deliver Results") else "FULL"), name


@pytest.mark.parametrize("machine", MACHINES)
def test_throttling_is_retried_for_longer_than_a_job_may_take(machine: str) -> None:
    """Every Lambda task first retries what Lambda itself refuses.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
    """
    calls = [(name, task) for name, task in find_tasks(machine) if task["Resource"].endswith(":lambda:invoke")]
    assert len(calls) >= (2 if machine == "digest" else 4)
    for name, task in calls:
        first = task["Retry"][0]
        assert first["ErrorEquals"] == [
            "Lambda.TooManyRequestsException",
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.ClientExecutionTimeoutException",
        ], name
        assert first["JitterStrategy"] == "FULL", name
        # Twice as long, because jitter makes some delays shorter than the mean.
        assert sum(list_waits(first)) > 2 * DEADLINES_SECONDS[machine], name


def test_an_express_execution_ends_in_time() -> None:
    """One that does not end in time ends its map, and so the job.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (five minutes)
    """
    tasks = dict(find_tasks("engine", express=True))
    [throttling] = tasks["Infer Segment"]["Retry"]
    # Lambda refuses at once, so only the last try may take long.
    assert throttling["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    seconds = sum_delays(throttling) + tasks["Infer Segment"]["TimeoutSeconds"]
    [failing] = tasks["Record Progress"]["Retry"]
    assert tasks["Record Reason"]["Retry"] == [failing]
    seconds += sum_delays(failing) + (1 + failing["MaxAttempts"]) * tasks["Record Progress"]["TimeoutSeconds"]
    assert seconds < 0.97 * 300


def test_an_express_execution_leaves_what_it_can_not_do() -> None:
    tasks = dict(find_tasks("engine", express=True))
    leave = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": "Leave Segment"}]
    assert {name: task.get("Catch") for name, task in tasks.items()} == {
        "Infer Segment": leave,
        "Record Progress": leave,
        "Record Reason": None,
    }


def sum_delays(retry: dict[str, Any]) -> float:
    """The most seconds that a retrier's delays take together."""
    return sum(find_delay(retry, attempt) for attempt in range(retry["MaxAttempts"]))


@pytest.mark.parametrize("state", ["Check Job", "Deliver Results"])
def test_checks_and_deliveries_are_retried_until_the_latest_deadline(state: str) -> None:
    [retry] = find_retriers(state, "States.ALL")
    assert sum(list_waits(retry)) > DEADLINES_SECONDS["pipeline"] + LAST_TRIES_SECONDS


def test_an_execution_times_out_after_every_deadline() -> None:
    [report] = find_retriers("Report Failure", "States.ALL")
    last = DEADLINES_SECONDS["pipeline"] + LAST_TRIES_SECONDS + sum(list_waits(report))
    assert read_definition("pipeline")["TimeoutSeconds"] > last


def test_a_delivery_that_always_times_out_costs_little() -> None:
    """Source of the second name:
    https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
    """
    names = ("States.Timeout", "Lambda.Unknown", "Sandbox.Timedout")
    retry, *others = (retry for name in names for retry in find_retriers("Deliver Results", name))
    assert others == [retry, retry]
    function = read_template("pipeline")["Resources"]["DeliverResultsFunction"]["Properties"]
    gigabyte_seconds = (1 + retry["MaxAttempts"]) * function["Timeout"] * function["MemorySize"] / 1024
    assert gigabyte_seconds * PRICES["lambda_gigabyte_seconds"].usd < 0.60


@pytest.mark.parametrize("takes_turns", [False, True])
@pytest.mark.parametrize("poll_seconds", [1, 10, 60, 90, 104, 120, 600, 3600])
def test_the_longest_execution_fits_into_its_history(poll_seconds: int, *, takes_turns: bool) -> None:
    # The fullest history polls until the deadline, and then fails until the execution times out.
    reach_seconds = limit_deadline_seconds(40, poll_seconds, takes_turns=takes_turns)
    polls = reach_seconds * find_events_a_second(poll_seconds, takes_turns=takes_turns)
    left_seconds = read_definition("pipeline")["TimeoutSeconds"] - reach_seconds
    assert polls + OTHER_EVENTS + RETRY_EVENTS * count_retries(left_seconds) < HISTORY_EVENTS_MAX


def test_a_throttled_job_of_the_engine_fits_into_its_history() -> None:
    for machine in walk_machines(read_definition("engine")):
        tasks = [state for state in machine["States"].values() if state["Type"] == "Task"]
        waits = sorted(wait for task in tasks for retry in task["Retry"] for wait in list_waits(retry))
        retries = sum(total <= DEADLINES_SECONDS["engine"] for total in accumulate(waits))
        assert RETRY_EVENTS * retries + TASK_EVENTS * len(machine["States"]) < HISTORY_EVENTS_MAX / 2


def find_events_a_second(poll_seconds: int, *, takes_turns: bool) -> float:
    """The most events per second while a job is polled, over all numbers of retries that a poll may take."""
    [throttled], [failed] = (
        find_retriers("Check Job", "Lambda.ServiceException"),
        find_retriers("Check Job", "States.ALL"),
    )
    throttled_waits, failed_waits = list_waits(throttled), list_waits(failed)
    tries = [
        (throttles + failures, sum(throttled_waits[:throttles]) + sum(failed_waits[:failures]))
        for throttles in range(20)
        for failures in range(20)
    ]
    # A poll without a near turn has waited, and waits again for longer than a function's patience.
    ways = [(1, poll_seconds), (2, poll_seconds + PATIENCE_SECONDS)] if takes_turns else [(1, poll_seconds)]
    return max(
        (looks * POLL_EVENTS + RETRY_EVENTS * retries) / (seconds + waits)
        for looks, seconds in ways
        for retries, waits in tries
    )


def count_retries(seconds: float) -> int:
    """The most retries within a time after the polls.

    These are the retries of a delivery that waits for its turn as often as it may, of the annotated video and the
    dataset, and of the reports that they are missing.
    """
    function = read_template("pipeline")["Resources"]["DeliverResultsFunction"]["Properties"]
    waits = list[float]()
    for state, visits in (
        ("Deliver Results", 1 + WAITS_MAX),
        ("Annotate Video", 1),
        ("Record Annotation", 1),
        ("Report Missing Annotation", 1),
        ("Make Dataset", 1),
        ("Record Dataset", 1),
        ("Report Missing Dataset", 1),
    ):
        for retry in read_definition("pipeline")["States"][state]["Retry"]:
            run_seconds = function["Timeout"] if "Sandbox.Timedout" in retry["ErrorEquals"] else 0
            waits += visits * [run_seconds + wait for wait in list_waits(retry)]
    return sum(total <= seconds for total in accumulate(sorted(waits)))


def find_retriers(state: str, error: str) -> list[dict[str, Any]]:
    """Returns the pipeline's retriers of a state for an error."""
    return [retry for retry in read_definition("pipeline")["States"][state]["Retry"] if error in retry["ErrorEquals"]]


def test_an_unknown_outcome_ends_as_a_failure() -> None:
    states = read_definition("pipeline")["States"]
    assert states["Is The Job Done?"]["Default"] == "Report Failure"
    assert states["Are The Results Delivered?"]["Default"] == "Report Failure"
    assert states["Is The Video Annotated?"]["Default"] == "Report Missing Annotation"
    assert states["Is The Dataset Made?"]["Default"] == "Report Missing Dataset"
    assert states["Report Failure"]["Next"] == "Job Failed"
    assert states["Job Failed"]["Type"] == "Fail"


def test_a_digest_is_published_once() -> None:
    """A Standard workflow runs a task once unless it has a retrier.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-standard-vs-express.html
    """
    assert (
        find_resources("pipeline", "AWS::Serverless::StateMachine")["NoticesDigestStateMachine"]["Properties"]["Type"]
        == "STANDARD"
    )
    states = read_definition("digest")["States"]
    [(name, publish)] = [(name, state) for name, state in states.items() if ":sns:publish" in state.get("Resource", "")]
    assert name == PUBLISH
    assert not {"Retry", "Catch"} & publish.keys()
    assert [before for before, state in states.items() if name in find_targets(state)] == ["Is There Anything To Tell?"]


def test_a_function_has_ended_when_its_task_is_tried_again() -> None:
    function = find_resources("pipeline", "AWS::Serverless::Function")["SendDigestFunction"]["Properties"]
    calls = [task for _, task in find_tasks("digest") if task["Resource"].endswith(":lambda:invoke")]
    assert all(task["TimeoutSeconds"] > function["Timeout"] for task in calls)

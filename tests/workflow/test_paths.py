"""Every path through the real definition, on the embedded AWS; scripted functions stand for the real ones."""

import io
import json
import textwrap
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.templates import find_definition
from videoinfer.local.embedded_aws import embedded_aws, local_session

STEPS = {
    "CheckJobFunctionArn": "check_job",
    "DeliverResultsFunctionArn": "deliver_results",
    "AnnotateVideoFunctionArn": "annotate_video",
    "MakeDatasetFunctionArn": "make_dataset",
    "RecordMediaFunctionArn": "record_media",
    "ReportFailureFunctionArn": "report_failure",
}
RETRIES = 2

# The nth call of a function returns the nth line of its script, and the last line from then on; "raise" raises an
# error.
PLAYER = textwrap.dedent("""
    import json, pathlib

    def handler(event, context):
        event = {**event.get("state", {}), **event}
        step = context.function_name
        calls = pathlib.Path(event["folder"]) / step
        with calls.open("a") as file:
            file.write(json.dumps(event) + "\\n")
        script = event["script"][step]
        line = script[min(len(calls.read_text().splitlines()), len(script)) - 1]
        if line == "raise":
            raise RuntimeError("No answer.")
        polls = event["check"]["polls"] + 1
        return {"status": line, "reason": f"It is {line}.", "polls": polls, "gigabyte_seconds": 0.5, "wait_seconds": 60,
                "refusals": event["check"].get("refusals", 0) + 1, "left_out": 0}
""")

WAIT, CHECK, CHOOSE = "Wait Before Checking", "Check Job", "Is The Job Done?"
DELIVER, DELIVERED, END = "Deliver Results", "Are The Results Delivered?", "Results Delivered"
ASKED, ANNOTATE, ANNOTATED = "Is An Annotated Video Asked For?", "Annotate Video", "Is The Video Annotated?"
TURN = "Wait Before Delivering"
RECORD, RECORDED = "Record Annotation", "Is The Annotation Recorded?"
MISSING = "Report Missing Annotation"
DATASET_ASKED, MAKE, MADE = "Is A Dataset Asked For?", "Make Dataset", "Is The Dataset Made?"
RECORD_DATASET, DATASET_RECORDED = "Record Dataset", "Is The Dataset Recorded?"
DATASET_MISSING = "Report Missing Dataset"
REPORT, FAIL = "Report Failure", "Job Failed"
POLL = [WAIT, CHECK, CHOOSE]


@dataclass(frozen=True)
class Stage:
    """The state machine that runs the real definition with scripted functions."""

    sfn: Any
    state_machine_arn: str

    def play(
        self,
        folder: Path,
        script: dict[str, list[str]],
        *,
        annotate: bool = False,
        dataset: bool = False,
        status: str = "running",
    ) -> dict[str, Any]:
        """Runs an execution to its end; returns it with `path`, the names of the states that it entered.

        Args:
            folder: Where the functions record their calls.
            script: The statuses that each function returns in turn.
            annotate: Whether an annotated video is requested.
            dataset: Whether a dataset is requested.
            status: The job's status at the beginning.
        """
        check = {"status": status, "polls": 0, "reason": None, "wait_seconds": 60}
        options = {"annotate": annotate, **({"dataset_frames": "all"} if dataset else {})}
        state = {"poll_seconds": 60, "check": check, "options": options}
        arn = self.sfn.start_execution(
            stateMachineArn=self.state_machine_arn,
            input=json.dumps({**state, "folder": str(folder), "script": script}),
        )["executionArn"]
        deadline = time.monotonic() + 60
        while (execution := self.sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "The execution does not end."
            time.sleep(0.05)
        pages = self.sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        path = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        return {**execution, "path": path}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with embedded_aws(wait_scale=0.0001) as aws:
        session = local_session()
        iam = session.client("iam", endpoint_url=aws.endpoint_url)
        functions = session.client("lambda", endpoint_url=aws.endpoint_url)
        sfn = session.client("stepfunctions", endpoint_url=aws.endpoint_url)
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        trust_both = [trust, {**trust, "Principal": {"Service": "states.amazonaws.com"}}]
        role = iam.create_role(
            RoleName="stage", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust_both})
        )["Role"]["Arn"]
        invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
        iam.put_role_policy(
            RoleName="stage",
            PolicyName="invoke",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [invoke]}),
        )
        definition = find_definition("pipeline")[0].read_text().replace("${Partition}", "aws")
        for placeholder, name in STEPS.items():
            arn = functions.create_function(
                FunctionName=name,
                Runtime="python3.13",
                Handler="app.handler",
                Role=role,
                Code={"ZipFile": zip_code(PLAYER)},
            )["FunctionArn"]
            definition = definition.replace(f"${{{placeholder}}}", arn)
        machine = sfn.create_state_machine(name="video-job", definition=shorten_retries(definition), roleArn=role)
        yield Stage(sfn, machine["stateMachineArn"])


def zip_code(code: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", code)
    return content.getvalue()


def shorten_retries(definition: str) -> str:
    machine = json.loads(definition)
    for state in machine["States"].values():
        for retry in state.get("Retry", ()):
            retry["MaxAttempts"] = RETRIES
    return json.dumps(machine)


@pytest.mark.parametrize(
    ("check", "deliver", "path"),
    [
        pytest.param(
            ["done"], ["delivered"], [CHOOSE, *POLL, DELIVER, DELIVERED, ASKED, DATASET_ASKED, END], id="done at once"
        ),
        pytest.param(
            ["running", "running", "done"],
            ["delivered"],
            [CHOOSE, *POLL, *POLL, *POLL, DELIVER, DELIVERED, ASKED, DATASET_ASKED, END],
            id="running for a while",
        ),
        pytest.param(
            ["raise", "running", "raise", "done"],
            ["delivered"],
            [CHOOSE, *POLL, *POLL, DELIVER, DELIVERED, ASKED, DATASET_ASKED, END],
            id="could not find out at times",
        ),
        pytest.param(
            ["done"],
            ["raise", "delivered"],
            [CHOOSE, *POLL, DELIVER, DELIVERED, ASKED, DATASET_ASKED, END],
            id="delivered at last",
        ),
        pytest.param(
            ["done"],
            ["waiting", "delivered"],
            [CHOOSE, *POLL, DELIVER, DELIVERED, TURN, DELIVER, DELIVERED, ASKED, DATASET_ASKED, END],
            id="delivered when it is its turn",
        ),
        pytest.param(
            ["done"],
            ["continuing", "continuing", "delivered"],
            [CHOOSE, *POLL, DELIVER, DELIVERED, DELIVER, DELIVERED, DELIVER, DELIVERED, ASKED, DATASET_ASKED, END],
            id="delivered in several steps",
        ),
    ],
)
def test_every_path_to_results(
    stage: Stage, tmp_path: Path, check: list[str], deliver: list[str], path: list[str]
) -> None:
    execution = stage.play(tmp_path, {"check_job": check, "deliver_results": deliver})
    assert execution["status"] == "SUCCEEDED"
    assert execution["path"] == path
    assert read_calls(tmp_path, "deliver_results")[-1]["check"]["polls"] == len(
        [line for line in check if line != "raise"]
    )
    assert read_calls(tmp_path, "report_failure") == []


def test_a_redelivery_does_not_ask_the_api(stage: Stage, tmp_path: Path) -> None:
    execution = stage.play(tmp_path, {"deliver_results": ["delivered"]}, status="done")
    assert execution["status"] == "SUCCEEDED"
    assert execution["path"] == [CHOOSE, DELIVER, DELIVERED, ASKED, DATASET_ASKED, END]
    assert read_calls(tmp_path, "check_job") == []


@pytest.mark.parametrize(
    ("annotate", "record", "path", "told"),
    [
        pytest.param(["annotated"], ["recorded"], [ANNOTATE, ANNOTATED, RECORD, RECORDED], None, id="annotated"),
        pytest.param(
            ["raise", "annotated"],
            ["raise", "recorded"],
            [ANNOTATE, ANNOTATED, RECORD, RECORDED],
            None,
            id="annotated at last",
        ),
        pytest.param(["failed"], [], [ANNOTATE, ANNOTATED, MISSING], {"annotation": "failed"}, id="not annotated"),
        pytest.param(
            ["raise"], [], [ANNOTATE, MISSING], {"annotation_error": "No answer."}, id="could not be annotated"
        ),
        pytest.param(
            ["annotated"],
            ["failed"],
            [ANNOTATE, ANNOTATED, RECORD, RECORDED, MISSING],
            {"annotation": "failed"},
            id="not there",
        ),
        pytest.param(
            ["annotated"],
            ["raise"],
            [ANNOTATE, ANNOTATED, RECORD, MISSING],
            {"annotation_error": "No answer."},
            id="could not be recorded",
        ),
    ],
)
def test_results_stay_delivered_even_without_an_annotated_video(
    stage: Stage, tmp_path: Path, annotate: list[str], record: list[str], path: list[str], told: dict[str, str] | None
) -> None:
    script = {
        "check_job": ["done"],
        "deliver_results": ["delivered"],
        "annotate_video": annotate,
        "record_media": record,
    }
    execution = stage.play(tmp_path, {**script, "report_failure": ["raise", "done"]}, annotate=True)
    assert execution["status"] == "SUCCEEDED"
    assert execution["path"] == [CHOOSE, *POLL, DELIVER, DELIVERED, ASKED, *path, DATASET_ASKED, END]
    check_report(tmp_path, "annotation", told)


def check_report(folder: Path, output: str, told: dict[str, str] | None) -> None:
    calls = read_calls(folder, "report_failure")
    if told is None:
        assert calls == []
    else:
        [(key, words)] = told.items()
        assert words in json.dumps(calls[-1][key])
        assert calls[-1]["output"] == output


@pytest.mark.parametrize(
    ("make", "record", "path", "told"),
    [
        pytest.param(["made"], ["recorded"], [MAKE, MADE, RECORD_DATASET, DATASET_RECORDED], None, id="made"),
        pytest.param(
            ["raise", "made"],
            ["raise", "recorded"],
            [MAKE, MADE, RECORD_DATASET, DATASET_RECORDED],
            None,
            id="made at last",
        ),
        pytest.param(["failed"], [], [MAKE, MADE, DATASET_MISSING], {"dataset": "failed"}, id="not made"),
        pytest.param(["raise"], [], [MAKE, DATASET_MISSING], {"dataset_error": "No answer."}, id="could not be made"),
        pytest.param(
            ["made"],
            ["failed"],
            [MAKE, MADE, RECORD_DATASET, DATASET_RECORDED, DATASET_MISSING],
            {"dataset": "failed"},
            id="not there",
        ),
        pytest.param(
            ["made"],
            ["raise"],
            [MAKE, MADE, RECORD_DATASET, DATASET_MISSING],
            {"dataset_error": "No answer."},
            id="could not be recorded",
        ),
    ],
)
def test_results_stay_delivered_even_without_a_dataset(
    stage: Stage, tmp_path: Path, make: list[str], record: list[str], path: list[str], told: dict[str, str] | None
) -> None:
    script = {"check_job": ["done"], "deliver_results": ["delivered"], "make_dataset": make, "record_media": record}
    execution = stage.play(tmp_path, {**script, "report_failure": ["raise", "done"]}, dataset=True)
    assert execution["status"] == "SUCCEEDED"
    assert execution["path"] == [CHOOSE, *POLL, DELIVER, DELIVERED, ASKED, DATASET_ASKED, *path, END]
    check_report(tmp_path, "dataset", told)


def test_a_dataset_is_made_even_without_an_annotated_video(stage: Stage, tmp_path: Path) -> None:
    script = {
        "deliver_results": ["delivered"],
        "annotate_video": ["failed"],
        "make_dataset": ["made"],
        "record_media": ["recorded"],
        "report_failure": ["done"],
    }
    execution = stage.play(tmp_path, script, annotate=True, dataset=True, status="done")
    assert execution["status"] == "SUCCEEDED"
    annotation = [ANNOTATE, ANNOTATED, MISSING]
    made = [MAKE, MADE, RECORD_DATASET, DATASET_RECORDED]
    assert execution["path"] == [CHOOSE, DELIVER, DELIVERED, ASKED, *annotation, DATASET_ASKED, *made, END]
    assert [call["output"] for call in read_calls(tmp_path, "report_failure")] == ["annotation"]
    assert [call["output"] for call in read_calls(tmp_path, "record_media")] == ["dataset"]


@pytest.mark.parametrize(
    ("check", "deliver", "path", "told"),
    [
        pytest.param(["failed"], [], [CHOOSE, *POLL], {"check": "failed"}, id="failed"),
        pytest.param(["running", "failed"], [], [CHOOSE, *POLL, *POLL], {"check": "failed"}, id="failed later"),
        pytest.param(["paused"], [], [CHOOSE, *POLL], {"check": "paused"}, id="unknown status"),
        pytest.param(["overdue"], [], [CHOOSE, *POLL], {"check": "overdue"}, id="overdue"),
        pytest.param(["raise"], [], [CHOOSE, WAIT, CHECK], {"check_error": "No answer."}, id="could not find out"),
        pytest.param(
            ["done"], ["failed"], [CHOOSE, *POLL, DELIVER, DELIVERED], {"delivery": "failed"}, id="broken results"
        ),
        pytest.param(
            ["done"], ["given_up"], [CHOOSE, *POLL, DELIVER, DELIVERED], {"delivery": "given_up"}, id="given up"
        ),
        pytest.param(
            ["done"], ["raise"], [CHOOSE, *POLL, DELIVER], {"delivery_error": "No answer."}, id="undeliverable"
        ),
    ],
)
def test_every_path_to_a_failure(
    stage: Stage, tmp_path: Path, check: list[str], deliver: list[str], path: list[str], told: dict[str, str]
) -> None:
    script = {"check_job": check, "deliver_results": deliver, "report_failure": ["raise", "failed"]}
    execution = stage.play(tmp_path, script)
    assert execution["status"] == "FAILED"
    assert execution["path"] == [*path, REPORT, FAIL]
    assert (execution["error"], execution["cause"]) == ("failed", "It is failed.")
    calls = read_calls(tmp_path, "report_failure")
    assert len(calls) == 2
    [(key, words)] = told.items()
    assert words in json.dumps(calls[-1][key])


def test_a_step_is_tried_as_often_as_the_definition_says(stage: Stage, tmp_path: Path) -> None:
    stage.play(tmp_path, {"check_job": ["raise"], "report_failure": ["failed"]})
    assert len(read_calls(tmp_path, "check_job")) == 1 + RETRIES


def read_calls(folder: Path, step: str) -> list[dict[str, Any]]:
    calls = folder / step
    return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

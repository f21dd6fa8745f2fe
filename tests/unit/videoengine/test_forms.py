"""This release takes what the release before wrote, and only adds fields to it.

`python -m tests.record_forms` records `tests/unit/forms_before.json`.
"""

import base64
import json
from typing import Any

import pytest

from tests.forms import add_fields, find_removed, read_forms
from tests.releases import read_before
from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from tests.stand_ins.state_machine import StateMachine
from tests.templates import fill_definition, read_definition
from tests.unit.videoengine.forms import write_forms
from videoengine.jobs import JobStatus
from videoengine.schema import NewerSchema

BEFORE = read_forms("engine")
STEPS = ("fetch_video", "plan_job", "infer_segment", "merge_results")


def restore(engine: EngineInProcess, form: Any) -> str:
    """Puts what a step of the release before found, and returns the job's id."""
    engine.dynamodb.put_item(TableName="jobs", Item=form["item"])
    for key, content in form["objects"].items():
        engine.s3.put_object(Bucket=VIDEOS_BUCKET, Key=key, Body=base64.b64decode(content))
    job_id: str = form["item"]["job_id"]["S"]
    return job_id


@pytest.mark.parametrize("step", STEPS)
def test_each_step_takes_what_the_releases_around_it_write(step: str, engine: EngineInProcess) -> None:
    """The forms lack what this release has added, and have what a later one may add."""
    form = BEFORE[step]
    models = {"S": json.dumps(add_fields(json.loads(form["item"]["models"]["S"])))}
    item = {**form["item"], "models": models, "added_later": {"S": "x"}}
    event = add_fields(form["event"])
    if "job" in event:
        event["job"]["models"] = add_fields(event["job"]["models"])
    restore(engine, {**form, "item": item})
    answer = engine.invoke(step, event)
    assert answer["outcome"] == "done"
    assert list(find_removed(form["answer"], answer)) == []


def test_this_release_only_adds_fields_to_records_and_answers(engine: EngineInProcess) -> None:
    now = write_forms(engine)
    for step in STEPS:
        before = {name: BEFORE[step][name] for name in ("item", "event", "answer")}
        assert list(find_removed(before, now[step])) == []


@pytest.mark.parametrize("step", STEPS)
def test_an_execution_of_the_release_before_goes_on_with_these_functions(step: str, engine: EngineInProcess) -> None:
    """The steps before were those of the release before, and so is the definition."""
    job_id = restore(engine, BEFORE[step])
    definition = fill_definition(read_before("engine/statemachine/inference_job.asl.json").decode())
    done = STEPS[: STEPS.index(step)]
    machine = StateMachine(definition, _answer_as_before(engine, done), engine.dynamodb)
    machine.run({"job_id": job_id})
    assert engine.find_job(job_id).status is JobStatus.DONE


@pytest.mark.parametrize("step", STEPS)
def test_an_execution_goes_on_with_the_functions_of_the_release_before(step: str, engine: EngineInProcess) -> None:
    """After an update is rolled back: the steps from then on answer as before."""
    job_id = restore(engine, BEFORE[step])
    machine = StateMachine(
        read_definition("engine"), _answer_as_before(engine, STEPS[STEPS.index(step) :]), engine.dynamodb
    )
    machine.run({"job_id": job_id})
    job = engine.find_job(job_id)
    assert (job.status, job.segments, job.segments_done) == (JobStatus.DONE, 1, 1)


def _answer_as_before(engine: EngineInProcess, steps: tuple[str, ...]) -> Any:
    def invoke(function: str, event: Any) -> Any:
        return BEFORE[function]["answer"] if function in steps else engine.invoke(function, event)

    return invoke


def test_what_a_newer_release_wrote_for_itself_is_refused(engine: EngineInProcess) -> None:
    event = BEFORE["plan_job"]["event"]
    job_id = restore(engine, BEFORE["plan_job"])
    with pytest.raises(NewerSchema):
        engine.invoke("plan_job", {**event, "job": {**event["job"], "schema_version": 2}})
    engine.dynamodb.put_item(TableName="jobs", Item={**BEFORE["plan_job"]["item"], "schema_version": {"N": "2"}})
    with pytest.raises(NewerSchema):
        engine.find_job(job_id)

"""This release takes what the release before wrote, and only adds fields to it.

`python -m tests.record_forms` records `tests/unit/forms_before.json`.
"""

import json
import re
from decimal import Decimal
from typing import Any

import boto3
import pytest

from tests.forms import add_fields, find_removed, read_forms
from tests.templates import read_definition
from tests.unit.videojobs.forms import KEYS, RESULTS, make_message, put, write_forms
from tests.unit.videojobs.test_handlers import call  # noqa: F401  a fixture
from videojobs.errors import ApiUnavailable, NewerSchema

BEFORE = read_forms("pipeline")


def restore(aws: Any, form: Any) -> Any:
    """Puts what a step of the release before found, and returns its event with a deadline that has not passed."""
    for key in KEYS:
        put(aws, key)
    for key in form["files"]:
        aws.s3.put_object(Bucket=aws.results_bucket, Key=key, Body=json.dumps(RESULTS))
    for table, items in form["items"].items():
        for item in json.loads(json.dumps(items), parse_float=Decimal):
            boto3.resource("dynamodb").Table(table).put_item(Item=item)
    if form["function"] == "create_job":
        return make_message(aws, json.loads(form["event"]["Records"][0]["body"]))
    return json.loads(json.dumps(form["event"]).replace('"deadline_at": "20', '"deadline_at": "21'))


def take(aws: Any, call: Any, form: Any) -> Any:  # noqa: F811
    """Takes a step of the release before. Returns the answer, or None if the API is down."""
    try:
        answer, _ = call(form["function"], restore(aws, form), *map(tuple, form["api"]))
    except ApiUnavailable:
        return None
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("name", BEFORE)
def test_each_function_takes_what_the_releases_around_it_write(name: str, aws: Any, call: Any) -> None:  # noqa: F811
    """The forms lack what this release has added, and have what a later one may add."""
    form = BEFORE[name]
    items = {table: [add_fields(item) for item in items] for table, items in form["items"].items()}
    event = form["event"] if form["function"] == "create_job" else add_fields(form["event"])
    answer = take(aws, call, {**form, "event": event, "items": items})
    assert (answer is None) == ("answer" not in form)
    assert list(find_removed(form.get("answer"), answer)) == []
    assert (answer or {}).get("status") == form.get("answer", {}).get("status")


@pytest.mark.slow
def test_this_release_only_adds_fields(aws: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    now = write_forms(aws, call, monkeypatch)
    assert list(now) == list(BEFORE)
    assert list(find_removed(BEFORE, now)) == []


@pytest.mark.parametrize("machine", ["pipeline", "digest"])
def test_the_definitions_demand_only_what_the_release_before_answers(machine: str) -> None:
    demanding = {name: it for name, it in read_definition(machine)["States"].items() if "ResultSelector" in it}
    assert demanding
    for name, state in demanding.items():
        function = re.sub(r"\B(?=[A-Z])", "_", state["Parameters"]["FunctionName"][2:-12]).lower()
        answered = {key for form in BEFORE.values() if form["function"] == function for key in form.get("answer", {})}
        demanded = {path.removeprefix("$.Payload.") for path in state["ResultSelector"].values()}
        assert demanded <= answered, name


@pytest.mark.parametrize("name", ["a job that runs", "a delivery", "a video to draw", "a job that failed"])
def test_what_a_newer_release_wrote_for_itself_is_tried_again(name: str, aws: Any, call: Any) -> None:  # noqa: F811
    form = BEFORE[name]
    with pytest.raises(NewerSchema, match="schema 2; this release knows 1"):
        call(form["function"], {**restore(aws, form), "schema_version": 2}, *map(tuple, form["api"]))


@pytest.mark.parametrize("is_item", [True, False], ids=["item", "message"])
def test_an_upload_of_a_newer_release_stays_in_the_queue(aws: Any, call: Any, *, is_item: bool) -> None:  # noqa: F811
    form = BEFORE["an upload that waits"]
    message = restore(aws, form)
    if is_item:
        jobs = boto3.resource("dynamodb").Table("jobs")
        [item] = jobs.scan()["Items"]
        jobs.put_item(Item={**item, "schema_version": 2})
    else:
        body = json.loads(message["Records"][0]["body"])
        message["Records"][0]["body"] = json.dumps({**body, "schema_version": 2})
    answer, wire = call("create_job", message)
    assert answer == {"batchItemFailures": [{"itemIdentifier": message["Records"][0]["messageId"]}]}
    assert wire.requests == []
    assert aws.notices() == []


def test_every_item_has_its_version(aws: Any, call: Any) -> None:  # noqa: F811
    call("create_job", make_message(aws, {"Records": [put(aws, "cameras/belt.mp4")]}), (200, {"job_id": "j1"}))
    [item], [execution] = boto3.resource("dynamodb").Table("jobs").scan()["Items"], aws.executions()
    assert item["schema_version"] == json.loads(execution["input"])["schema_version"] == 1

"""A job's specification, as the state machine passes it on."""

import json
from dataclasses import replace

from tests.unit.videoengine.test_jobs import JOB
from videoengine.job_spec import JobSpec


def test_the_specification_does_not_contain_the_video_s_source() -> None:
    told = json.dumps(JOB.spec.to_json())
    assert "example.com" not in told
    assert JobSpec.from_json(json.loads(told)) == JOB.spec


def test_the_specification_carries_the_work_of_the_models() -> None:
    job = replace(JOB, infer_seconds=1.25)
    assert JobSpec.from_json(json.loads(json.dumps(job.spec.to_json()))).infer_seconds == 1.25


def test_the_specification_carries_the_version_of_the_video() -> None:
    spec = replace(JOB.spec, video_etag='"0123"')
    assert JobSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_specification_of_an_older_release_has_no_work_of_the_models_and_no_version() -> None:
    told = JOB.spec.to_json()
    del told["infer_seconds"], told["video_etag"]
    assert JobSpec.from_json(told) == JOB.spec

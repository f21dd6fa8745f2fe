"""A job's specification, as the state machine passes it on."""

import json

from tests.unit.videoengine.test_jobs import JOB
from videoengine.job_spec import JobSpec


def test_the_specification_does_not_contain_the_video_s_source() -> None:
    told = json.dumps(JOB.spec.to_json())
    assert "example.com" not in told
    assert JobSpec.from_json(json.loads(told)) == JOB.spec

"""What there is to do in a job, as the state machine carries it."""

import json

from tests.unit.videoengine.test_jobs import JOB
from videoengine.job_spec import JobSpec


def test_what_there_is_to_do_says_nothing_of_where_the_video_is_from() -> None:
    told = json.dumps(JOB.spec.to_json())
    assert "example.com" not in told
    assert JobSpec.from_json(json.loads(told)) == JOB.spec

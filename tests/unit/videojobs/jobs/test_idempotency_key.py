"""The idempotency key of a job."""

from dataclasses import replace

from videojobs.jobs.idempotency_key import make_idempotency_key
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model
from videojobs.jobs.uploads import JobRequest


def test_each_attempt_of_a_stack_at_an_upload_with_its_options_has_a_key(job: Job) -> None:
    request, options = JobRequest(job.upload, 1), job.options
    key = make_idempotency_key("arn", request, options)
    assert key == make_idempotency_key("arn", JobRequest(job.upload, 1), replace(options))
    others = {
        make_idempotency_key("another", request, options),
        make_idempotency_key("arn", replace(request, attempt=2), options),
        make_idempotency_key("arn", JobRequest(replace(job.upload, version_id="2"), 1), options),
        make_idempotency_key("arn", request, replace(options, infer_fps=options.infer_fps + 1)),
        make_idempotency_key("arn", request, replace(options, models=options.models * 2)),
    }
    assert len({key, *others}) == 6


def test_the_options_that_the_api_does_not_get_are_no_part_of_it(job: Job) -> None:
    request = JobRequest(job.upload, 1)
    changed = replace(job.options, annotate=not job.options.annotate)
    assert make_idempotency_key("arn", request, job.options) == make_idempotency_key("arn", request, changed)


def test_a_release_makes_the_key_that_the_one_before_made(job: Job) -> None:
    """An update between two calls for a job must not change its key, or our engine would create a second one."""
    upload = replace(job.upload, bucket="uploads", key="belt.mp4", version_id="1")
    models = (Model("bottles", "3", "object-detection"),)
    options = replace(job.options, models=models, infer_fps=5, input_mode="presigned")
    assert make_idempotency_key("arn", JobRequest(upload, 1), options) == (
        "3c0e19f0f9fafa38a23bc6bb6777198eb6a88e0fd9811361ac8a7567fe7e4dde"
    )

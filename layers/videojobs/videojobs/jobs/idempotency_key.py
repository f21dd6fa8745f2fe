"""The idempotency key of a job: the API may get the call that creates the job several times."""

import hashlib
import json

from videojobs.jobs.options import Options
from videojobs.jobs.uploads import JobRequest


def make_idempotency_key(state_machine_arn: str, request: JobRequest, options: Options) -> str:
    """Returns the same key for the same attempt of a stack at an upload, unless its options have changed meanwhile.

    An API that knows the key refuses it for a job with other options.
    """
    models = [model.to_request() for model in options.models]
    parts = [
        state_machine_arn,
        request.upload.upload_id,
        request.attempt,
        models,
        options.infer_fps,
        options.input_mode,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

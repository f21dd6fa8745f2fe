"""Calls a function's handler in this process as Lambda does, with AWS's own runtime client (`awslambdaric`).

The event is converted to JSON and back, the context is AWS's class, and the answer is marshalled by AWS's code. Only
the HTTP to the Runtime API is left out: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

SECONDS = 600
"""Seconds that a function may take by default."""


class RuntimeApi:
    """Receives what the runtime client posts, as the Runtime API does."""

    def __init__(self) -> None:
        self.marshaller = LambdaMarshaller()
        self.result: str | bytes | None = None
        self.error: dict[str, Any] | None = None

    def post_invocation_result(self, invoke_id: str, result: str | bytes, content_type: str, _id: str | None) -> None:
        assert content_type == "application/json", f"{invoke_id} answered {content_type}"
        self.result = result

    def post_invocation_error(self, _invoke_id: str, error: str, _xray_fault: str, _id: str | None) -> None:
        self.error = json.loads(error)


def describe_function(name: str, *, memory_megabytes: int = 256) -> dict[str, str]:
    """The environment variables by which Lambda describes a function to itself and to its runtime client.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return {
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_megabytes),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef",
    }


def invoke(handler: Callable[..., Any], event: Any, *, name: str = "function", seconds: float = SECONDS) -> Any:
    """Calls a handler, and returns its answer as the caller reads it.

    Args:
        event: Any JSON value.
        name: The function's name; a name in the environment takes precedence.
        seconds: How long the function may take.

    Raises:
        Exception: What the handler raised.
    """
    raised: list[Exception] = []

    def call(event: Any, context: Any) -> Any:
        try:
            return handler(event, context)
        except Exception as error:
            raised.append(error)
            raise

    api = RuntimeApi()
    missing = {key: value for key, value in describe_function(name).items() if key not in os.environ}
    # Patching nothing would copy the whole environment, which takes longer than most functions.
    with patch.dict(os.environ, missing) if missing else nullcontext():
        bootstrap.handle_event_request(
            api,
            call,
            str(uuid.uuid4()),
            json.dumps(event).encode(),
            "application/json",
            client_context_json=None,
            cognito_identity_json=None,
            invoked_function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
            epoch_deadline_time_in_ms=int(1000 * (time.time() + seconds)),
            tenant_id=None,
            log_sink=bootstrap.StandardLogSink(),
        )
    if raised:
        assert api.error
        assert api.error["errorType"] == type(raised[0]).__name__
        raise raised[0]
    assert api.error is None, f"The runtime client could not hand over the answer: {api.error}"
    assert api.result is not None
    return json.loads(api.result)

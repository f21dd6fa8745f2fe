"""Which faults may strike the engine's calls."""

from tests.simulation.engine.machine import EXPRESS_FAULTS
from tests.simulation.engine.server import SERVER_FAULTS
from tests.simulation.engine.stack import READ_FAULTS, RECORD_FAULTS, STEPS
from tests.simulation.engine.worker_calls import CALL_FAULTS, EVENT_FAULTS, WARM_UP
from tests.simulation.faults import AWS_FAULTS, INVOCATION_FAULTS

RARE_CALLS = frozenset(
    (
        "fetch_video lambda:Invoke",
        "fetch_video s3:AbortMultipartUpload video",
        "fetch_video s3:GetObject video",
        "fetch_video s3:PutObject video",
        "merge_results s3:AbortMultipartUpload results",
        "merge_results s3:CompleteMultipartUpload results",
        "merge_results s3:CreateMultipartUpload results",
        "merge_results s3:PutObject results",
        "merge_results s3:UploadPart results",
        "state machine dynamodb:UpdateItem by Record Reason",
        f"{WARM_UP} event",
    )
)
"""Calls that few lives make, so that other faults hardly ever strike them."""


def list_faults(function: str, call: str) -> tuple[str, ...]:
    """Returns the faults that may strike a call."""
    if call == "server:GET":
        return SERVER_FAULTS
    if call == "server:DNS":
        return ("no answer",)
    if call == "invoke":
        return INVOCATION_FAULTS
    if call == "express child":
        return EXPRESS_FAULTS
    if call == "lambda:Invoke":
        return CALL_FAULTS
    if call == "event":
        return EVENT_FAULTS
    if function not in (*STEPS, WARM_UP, "serve_api"):
        return RECORD_FAULTS
    return READ_FAULTS if call.startswith("s3:GetObject") else AWS_FAULTS

"""Pipeline stacks like those that `find_stack` returns, without CloudFormation."""

from typing import Any

from videoinfer.aws_clients import AwsClients
from videoinfer.pipeline_stack import PipelineStack
from videojobs.api.accepted_videos import HOSTED_API_URL
from videojobs.jobs.stack_options import StackOptions
from videojobs.jobs.upload_metadata import METADATA_OPTIONS

UPLOAD_OPTIONS = StackOptions(
    default_models='[{"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}]',
    default_infer_fps=5,
    prefix_routes="{}",
    input_mode="presigned",
    annotate="false",
    track="true",
    max_infer_fps=120,
    allowed_models="*",
    allowed_metadata=",".join(METADATA_OPTIONS),
)
"""The template's defaults, with a test model."""

FIELDS: dict[str, Any] = {
    "name": "videoinfer",
    "status": "CREATE_COMPLETE",
    "uploads_bucket": "uploads",
    "results_bucket": "results",
    "notices_topic_arn": "arn:aws:sns:us-east-1:123456789012:notices",
    "alarms_topic_arn": "arn:aws:sns:us-east-1:123456789012:alarms",
    "jobs_table": "jobs",
    "state_machine_arn": "arn:aws:states:us-east-1:123456789012:stateMachine:video-job",
    "uploads_queue_url": "queue",
    "dead_letter_queue_url": "dead",
    "api_url": HOSTED_API_URL,
    "api_key_secret_arn": "",
    "kms_key_arn": "",
    "api_requests_per_minute": 300,
    "notices": "each",
    "digest_minutes": 60,
    "results_database": "results",
    "results_work_group": "videoinfer",
    "upload_options": UPLOAD_OPTIONS,
    "share_link_days": 7,
    "outputs": ("parquet", "csv", "coco", "webvtt", "report"),
}


def make_stack(clients: AwsClients, **fields: Any) -> PipelineStack:
    """Makes a stack with these `fields`; the others have arbitrary values."""
    return PipelineStack(clients=clients, **{**FIELDS, **fields})

"""One structured log for all functions: every line carries the upload, the job_id and the execution."""

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from videojobs.redaction import redact


def _serialize(record: Mapping[str, Any]) -> str:
    return redact(json.dumps(record, default=str, ensure_ascii=False))


logger = Logger(service="videoinfer", json_serializer=_serialize, log_record_order=["level", "message"])
"""Powertools' logger. Each line is redacted as a whole, including tracebacks."""

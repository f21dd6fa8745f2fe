"""The engine's log: JSON lines that carry the job's id. Never a URL: its query may be a signature or a key."""

from aws_lambda_powertools import Logger

logger = Logger(service="videoengine")

"""The engine's logger. It writes JSON lines with the job's id. Never log a URL: its query may hold a secret."""

from aws_lambda_powertools import Logger

logger = Logger(service="videoengine")

"""Lambda contexts come from AWS's own class, because a stand-in with more fields than Lambda's has
hidden a bug before.
"""

import re

from awslambdaric.lambda_context import LambdaContext

from tests.lambda_runtime import invoke
from tests.templates import ROOT

FOLDERS = ("tests", "bench", "videoinfer", "functions", "layers", "engine")


def test_no_code_makes_a_context_by_hand() -> None:
    named = re.compile(
        r"\b(memory_limit_in_mb|aws_request_id|get_remaining_time_in_millis)\b\s*(=|:|\()(?!=)|class \w*Context\b"
    )
    here = ROOT / "tests" / "unit" / "test_lambda_contexts.py"
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path != here
        for line in path.read_text().splitlines()
        if named.search(line) and "context." not in line
    ]
    assert found == []


def test_a_context_has_the_attributes_of_lambda_s() -> None:
    def handler(event: object, context: object) -> object:
        assert isinstance(context, LambdaContext)
        assert context.memory_limit_in_mb == "256"
        assert 0 < context.get_remaining_time_in_millis() <= 3000
        return event

    assert invoke(handler, {"a": [1]}, seconds=3) == {"a": [1]}

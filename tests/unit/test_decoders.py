"""A file may take over FFmpeg when it is read, so code that imports FFmpeg has almost no permissions, in both
applications.
"""

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.permissions import as_list, list_functions, walk_statements, write_arn
from tests.templates import ROOT, find_resources
from tests.unit.test_permissions import UPLOADS
from videoinfer.verification.truth import EVENT_FILES, FILES
from videojobs.result_files import RECORD_FILE, RESULTS_FILE, SUMMARY_FILE, locate_output

PACKAGES = {"pipeline": ROOT / "layers/videojobs", "engine": ROOT / "engine/layers/videoengine"}
FUNCTIONS = {"pipeline": ROOT / "functions", "engine": ROOT / "engine/functions"}
DECODERS = [
    ("pipeline", "annotate_video"),
    ("pipeline", "make_dataset"),
    ("engine", "plan_job"),
    ("engine", "infer_segment"),
]

WRITTEN = {
    "AnnotateVideoFunction": ["annotated.mp4"],
    "MakeDatasetFunction": [
        "dataset.zip",
        *(f"dataset/*.{suffix}" for suffix in ("jpg", "txt", "yaml", "xml")),
        "dataset/annotations/instances_train.json",
        "dataset/label-studio/tasks.json",
        "dataset/cvat/labels.json",
    ],
}
"""The files that each of the pipeline's functions may write, beside a job's results."""

ALLOWED = {
    "s3:GetObject": "the video, results, segments, models",
    "s3:GetObjectVersion": "the video",
    "s3:PutObject": "what the step makes",
    "s3:AbortMultipartUpload": "what the step makes",
    "kms:Decrypt": "by way of S3",
    "kms:GenerateDataKey": "by way of S3",
    "logs:CreateLogStream": "its own log",
    "logs:PutLogEvents": "its own log",
    "xray:PutTraceSegments": "its own traces",
    "xray:PutTelemetryRecords": "its own traces",
}


def list_imports(file: Path) -> Iterator[str]:
    """The modules that a file imports, also inside functions, except those for the type checker only."""
    tree = ast.parse(file.read_text())
    for_types = [
        ast.walk(statement)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
    ]
    skipped = {node for nodes in for_types for node in nodes}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in skipped:
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node not in skipped:
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def imports_decoder(application: str, function: str) -> bool:
    """Tells whether a function's code imports PyAV, directly or indirectly."""
    ahead, seen = [FUNCTIONS[application] / function / "app.py"], set[Path]()
    while ahead:
        file = ahead.pop()
        if file in seen:
            continue
        seen.add(file)
        for module in list_imports(file):
            if module.split(".")[0] == "av":
                return True
            path = PACKAGES[application] / f"{module.replace('.', '/')}.py"
            package = PACKAGES[application] / module.replace(".", "/") / "__init__.py"
            ahead += [found for found in (path, package) if found.is_file()]
    return False


@pytest.mark.slow
def test_only_the_listed_functions_decode() -> None:
    functions = [(application, name) for application in FUNCTIONS for name in list_functions(application)]
    assert [found for found in functions if imports_decoder(*found)] == sorted(DECODERS, key=functions.index)


def test_no_other_function_has_the_decoder_s_layer() -> None:
    functions = find_resources("pipeline", "AWS::Serverless::Function")
    layers = {name: str(function["Properties"].get("Layers")) for name, function in functions.items()}
    assert [name for name, text in layers.items() if "DrawingLayer" in text] == list(WRITTEN)


@pytest.mark.parametrize(("application", "function"), DECODERS)
def test_functions_that_decode_may_only_access_objects(application: str, function: str) -> None:
    """They have no access to the ledger, topics, secrets, events, queues, functions and state machines."""
    logical_id = list_functions(application)[function]
    for statement in walk_statements(application, logical_id):
        for action in as_list(statement["Action"]):
            is_model_list = "ModelsBucket" in str(statement["Resource"]) and action == "s3:ListBucket"
            assert action in ALLOWED or is_model_list, f"{function}: {action}"


@pytest.mark.parametrize("name", WRITTEN)
def test_functions_that_decode_read_videos_and_results_and_write_their_own_files(name: str) -> None:
    resources: dict[str, list[Any]] = {}
    for statement in walk_statements("pipeline", name):
        for action in as_list(statement["Action"]):
            resources.setdefault(action, []).extend(as_list(statement["Resource"]))
        if "kms:Decrypt" in as_list(statement["Action"]):
            assert "kms:ViaService" in str(statement["Condition"])
    written = [{"Fn::Sub": f"${{ResultsBucket.Arn}}/results/*/{file}"} for file in WRITTEN[name]]
    assert resources["s3:PutObject"] == resources["s3:AbortMultipartUpload"] == written
    assert [write_arn(it) for it in resources["s3:GetObject"]] == [
        UPLOADS,
        "${ResultsBucket.Arn}/results/*/results.json",
    ]
    assert list(map(write_arn, resources["s3:GetObjectVersion"])) == [UPLOADS]
    function = find_resources("pipeline", "AWS::Serverless::Function")[name]
    assert list(function["Properties"]["Environment"]["Variables"]) == ["RESULTS_BUCKET"]


@pytest.mark.parametrize("folder", ["", "dataset", "dataset/images/train", "dataset/annotations"])
def test_functions_that_decode_can_not_replace_other_outputs(folder: str) -> None:
    """Whatever folder an upload is in: `*` in a policy also matches slashes.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    key = f"{folder}/belt.mp4".strip("/")
    names = [
        RESULTS_FILE,
        SUMMARY_FILE,
        RECORD_FILE,
        *(file for files in FILES.values() for file in files),
        *EVENT_FILES.values(),
    ]
    others = [locate_output(key, "job-1", "2026-11-02", name) for name in (*names, "report-data/0-0.json.gz")]
    for name, files in WRITTEN.items():
        allowed = [f"results/*/{file}" for file in files]
        assert [other for other in others if any(fnmatchcase(other, pattern) for pattern in allowed)] == [], name

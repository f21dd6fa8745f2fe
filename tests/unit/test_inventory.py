"""Lists that must agree, so that nobody can forget one of two places."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import typer
from arro3.core import DataType

from tests.templates import ROOT, find_resources, read_definition, read_template
from videoinfer.stack_commands import commands as stack_commands
from videojobs.outputs.event_tables import EVENT_COLUMNS
from videojobs.outputs.names import OutputName
from videojobs.outputs.parquet import BOOL, FLOAT, FLOAT32, INT, TEXT, TIME
from videojobs.outputs.tables import DETECTION_COLUMNS, FRAME_COLUMNS
from videojobs.settings import (
    AnnotateVideoSettings,
    CheckJobSettings,
    CreateJobSettings,
    DeliverResultsSettings,
    MakeDatasetSettings,
    OpenShareLinkSettings,
    RecordMediaSettings,
    ReportFailureSettings,
    SendDigestSettings,
)

SETTINGS = {
    "CreateJobFunction": CreateJobSettings,
    "CheckJobFunction": CheckJobSettings,
    "DeliverResultsFunction": DeliverResultsSettings,
    "AnnotateVideoFunction": AnnotateVideoSettings,
    "MakeDatasetFunction": MakeDatasetSettings,
    "RecordMediaFunction": RecordMediaSettings,
    "OpenShareLinkFunction": OpenShareLinkSettings,
    "ReportFailureFunction": ReportFailureSettings,
    "SendDigestFunction": SendDigestSettings,
}
FUNCTIONS = sorted(
    path.parent for path in ROOT.glob("**/functions/*/app.py") if not {".aws-sam", ".build"} & {*path.parts}
)


def test_every_variable_that_is_set_is_read_and_every_one_read_is_set() -> None:
    functions = find_resources("pipeline", "AWS::Serverless::Function")
    set_by_template = {
        name: set(function["Properties"]["Environment"]["Variables"]) for name, function in functions.items()
    }
    read_by_code = {name: {field.name.upper() for field in fields(kind)} for name, kind in SETTINGS.items()}
    assert set_by_template == read_by_code


@pytest.mark.parametrize("application", ["pipeline", "engine"])
def test_every_function_has_a_folder_and_every_folder_a_function(application: str) -> None:
    functions = find_resources(application, "AWS::Serverless::Function")
    folders = {
        function["Properties"]["CodeUri"].strip("./").removeprefix("functions/") for function in functions.values()
    }
    home = ROOT / ("functions" if application == "pipeline" else "engine/functions")
    assert folders == {folder.name for folder in home.iterdir() if folder.name != "__pycache__"}
    assert {name.removesuffix("Function") for name in functions} == {to_camel(folder) for folder in folders}


def test_every_function_of_the_pipeline_has_events() -> None:
    assert {folder.name for folder in (ROOT / "events").iterdir()} == {
        folder.name for folder in (ROOT / "functions").iterdir()
    }
    assert all(any(folder.glob("*.json")) for folder in (ROOT / "events").iterdir())


def test_the_state_machine_handles_every_status_of_a_check() -> None:
    choice = read_definition("pipeline")["States"]["Is The Job Done?"]
    chosen = {branch["StringEquals"] for branch in choice["Choices"]}
    assert chosen == {"running", "done"}
    assert choice["Default"] == "Report Failure"


@pytest.mark.parametrize("folder", FUNCTIONS, ids=lambda folder: folder.name)
def test_a_handler_is_a_table_of_contents(folder: Path) -> None:
    assert len((folder / "app.py").read_text().splitlines()) <= 60


@pytest.mark.parametrize("application", ["pipeline", "engine"])
def test_every_parameter_is_used_and_described(application: str) -> None:
    template = read_template(application)
    used = repr({key: value for key, value in template.items() if key != "Parameters"})
    for name, parameter in template["Parameters"].items():
        assert f"'Ref': '{name}'" in used or f"${{{name}}}" in used, name
        assert parameter.get("Description"), name


@pytest.mark.parametrize("application", ["pipeline", "engine"])
def test_every_bucket_is_private_encrypted_and_for_tls_only(application: str) -> None:
    policies = find_resources(application, "AWS::S3::BucketPolicy").values()
    denied = {
        policy["Properties"]["Bucket"]["Ref"]
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    buckets = find_resources(application, "AWS::S3::Bucket")
    assert denied == set(buckets)
    for bucket in buckets.values():
        assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
        assert bucket["Properties"]["BucketEncryption"]
        assert bucket["Properties"]["LifecycleConfiguration"]


def test_the_readme_lists_every_command_for_a_deployed_stack() -> None:
    section = (ROOT / "README.md").read_text().split("\n## Operate\n")[1].split("\n## ")[0]
    documented = dict(re.findall(r"^\| `([a-z-]+)(.*?)` \|", section, flags=re.MULTILINE))
    group = typer.main.get_command(stack_commands)
    assert isinstance(group, typer.core.TyperGroup)
    assert documented.keys() == group.commands.keys()
    for name, usage in documented.items():
        options = {option for it in group.commands[name].params for option in it.opts}
        assert set(re.findall(r"(?<!\w)--?[a-z][a-z-]*", usage)) <= options


def test_the_page_on_local_invoke_has_an_event_for_every_function() -> None:
    page = (ROOT / "docs" / "local-invoke.md").read_text()
    commands = re.findall(r"^sam local invoke (\w+) .*--event (events/\S+)$", page, flags=re.MULTILINE)
    assert sorted(name for name, _ in commands) == sorted(find_resources("pipeline", "AWS::Serverless::Function"))
    assert all(
        to_camel(Path(event).parent.name) == name.removesuffix("Function") and (ROOT / event).is_file()
        for name, event in commands
    )


def to_camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@pytest.mark.parametrize(
    ("application", "heading"), [("pipeline", "The pipeline's stack"), ("engine", "The engine's stack")]
)
def test_the_options_list_every_parameter(application: str, heading: str) -> None:
    section = (ROOT / "docs" / "options.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)`", section, flags=re.MULTILINE)
    assert documented == sorted(documented, key=list(read_template(application)["Parameters"]).index)
    assert set(documented) == set(read_template(application)["Parameters"])


@pytest.mark.parametrize(
    ("table", "columns"), [("Detections", DETECTION_COLUMNS), ("Frames", FRAME_COLUMNS), ("Events", EVENT_COLUMNS)]
)
def test_athena_knows_the_columns_that_are_written(table: str, columns: Mapping[str, DataType]) -> None:
    described = read_template("pipeline")["Resources"][f"{table}Table"]["Properties"]["TableInput"]
    written = {name: name_glue_type(kind) for name, kind in columns.items()}
    assert {column["Name"]: column["Type"] for column in described["StorageDescriptor"]["Columns"]} == written
    assert list(written) == [column["Name"] for column in described["StorageDescriptor"]["Columns"]]


def test_the_template_knows_every_output() -> None:
    parameter = read_template("pipeline")["Parameters"]["Outputs"]
    for names in (get_args(OutputName), *itertools.permutations(get_args(OutputName), 2), get_args(OutputName)[:1], ()):
        assert re.fullmatch(parameter["AllowedPattern"], ",".join(names))
    assert not re.fullmatch(parameter["AllowedPattern"], "parquet,xml")
    assert parameter["Default"] == ",".join(get_args(OutputName))


def name_glue_type(kind: DataType) -> str:
    """A type in Glue's spelling."""
    if DataType.is_list(kind):
        assert kind.value_field
        return f"array<{name_glue_type(kind.value_field.type)}>"
    if DataType.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{name_glue_type(field.type)}' for field in kind.fields)}>"
    names = {TEXT: "string", INT: "bigint", FLOAT: "double", FLOAT32: "float", BOOL: "boolean", TIME: "timestamp"}
    return next(name for own, name in names.items() if own == kind)

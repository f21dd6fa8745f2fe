"""Built functions run with AWS's runtime client, in Lambda's environment."""

from pathlib import Path

import pytest

from videoinfer.errors import CommandError
from videoinfer.local import lambda_sandbox
from videoinfer.local.lambda_bootstraps import use_bootstraps, write_bootstraps
from videoinfer.repository import BUILD_FOLDER

TEMPLATE = """
Globals: {Function: {Runtime: python3.13, Layers: [{Ref: CommonLayer}]}}
Resources:
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {}}
  PlainFunction: {Type: AWS::Serverless::Function, Properties: {CodeUri: PlainFunction}}
  LargeFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: LargeFunction, Layers: [{Ref: OwnLayer}], EphemeralStorage: {Size: 2048}}
"""


def test_each_function_gets_a_bootstrap_with_its_layers_and_its_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videoinfer.local.lambda_bootstraps.BUILD_FOLDER", tmp_path)
    build = tmp_path / "an app" / "build"
    for function in ("PlainFunction", "LargeFunction"):
        (build / function).mkdir(parents=True)
    (build / "template.yaml").write_text(TEMPLATE)
    write_bootstraps(build)
    plain, large = ((build / name / "bootstrap").read_text() for name in ("PlainFunction", "LargeFunction"))
    assert plain.endswith("""--temporary-megabytes 512 "$LAMBDA_SANDBOX_BUILDS"/'an app/build/CommonLayer'\n""")
    assert "--temporary-megabytes 2048 " in large
    assert large.index("CommonLayer") < large.index("OwnLayer")
    assert str(BUILD_FOLDER) not in plain


def test_the_packaged_template_names_the_runtime_that_starts_bootstraps(tmp_path: Path) -> None:
    template = tmp_path / "packaged.yaml"
    template.write_text("Function:\n    Runtime: python3.13\n    CompatibleRuntimes:\n    - python3.13\n")
    use_bootstraps(template)
    assert (
        template.read_text() == "Function:\n    Runtime: provided.al2023\n    CompatibleRuntimes:\n    - python3.13\n"
    )
    with pytest.raises(CommandError, match="no function of python"):
        use_bootstraps(template)


def test_outside_a_sandbox_the_last_layer_takes_precedence_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    started: list[dict[str, str]] = []
    monkeypatch.setattr(lambda_sandbox, "enter_sandbox", refuse)
    monkeypatch.setattr("os.execve", lambda *arguments: started.append(arguments[2]))
    monkeypatch.setattr("sys.argv", ["lambda_sandbox.py", "--temporary-megabytes", "512", "/common", "/own"])
    for name, value in {
        lambda_sandbox.SERVER_VARIABLES: "PATH",
        lambda_sandbox.RUNTIME_FOLDER: "/runtime",
        "AWS_LAMBDA_FUNCTION_NAME": "check",
        "LAMBDA_TASK_ROOT": "/code",
        "_HANDLER": "app.handler",
    }.items():
        monkeypatch.setenv(name, value)

    lambda_sandbox.main()

    [variables] = started
    assert variables["PYTHONPATH"] == "/own/python:/common/python:/runtime"
    assert variables["LAMBDA_TASK_ROOT"] == "/code"
    assert "sees this machine" in capsys.readouterr().err


def test_no_variable_of_the_server_reaches_a_function() -> None:
    environment = {
        lambda_sandbox.SERVER_VARIABLES: "GATEWAY_PORT,PATH",
        "GATEWAY_PORT": "4566",
        "PATH": "/somebody/bin",
        "AWS_LAMBDA_FUNCTION_NAME": "check",
        "JOBS_TABLE": "jobs",
    }
    variables = lambda_sandbox.compose_variables(environment)
    assert variables["JOBS_TABLE"] == "jobs"
    assert variables["PATH"].startswith("/var/lang/bin:")
    assert not {"GATEWAY_PORT", lambda_sandbox.SERVER_VARIABLES} & set(variables)

"""The layers work with every boto3 that Lambda's python3.13 has had: boto3 is the runtime's, urllib3 the layers' own.

All other tests here use the newest boto3. The oldest is in requirements/lambda-oldest.in.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, deploy
from tests.local_aws.test_lambda_runtime import TRUST
from tests.waiting import wait_until
from videoinfer.local import lambda_bootstraps
from videoinfer.local.builds import ENGINE, PIPELINE, build
from videoinfer.local.deployments import deploy_engine, pipeline_parameters, put_model
from videoinfer.local.embedded_aws import EmbeddedAws, embedded_aws, local_session
from videoinfer.local.lambda_bootstraps import compose_bootstrap
from videoinfer.model_packages import LocalModel
from videoinfer.repository import LAMBDA_PYTHON, ROOT, SAMPLE_VIDEO, require_tool

OLDEST_PYTHON = ROOT / ".venv-lambda-oldest" / "bin" / "python"
OLDEST = re.search(r"boto3==(\S+)", (ROOT / "requirements" / "lambda-oldest.in").read_text())
LAYERS = [*ROOT.glob("layers/*/requirements.txt"), *ROOT.glob("engine/layers/**/*.txt")]
SDK = ("boto3", "botocore", "s3transfer")
PROBE = "import boto3, urllib3\n\ndef handler(event, context):\n    return [boto3.__version__, urllib3.__file__]\n"


def read_distributions(python: Path) -> dict[str, Distribution]:
    [packages] = (require_tool(python).parents[1] / "lib").glob("python3*/site-packages")
    return {distribution.name: distribution for distribution in distributions(path=[str(packages)])}


@pytest.mark.parametrize("python", [OLDEST_PYTHON, LAMBDA_PYTHON], ids=["oldest", "newest"])
def test_boto3_accepts_the_layers_packages_in_place_of_its_own(python: Path) -> None:
    pins = {pin: path for path in LAYERS for pin in re.findall(r"(?m)^([\w.-]+==[\w.]+)", path.read_text())}
    installed = read_distributions(python)
    required = [Requirement(text) for name in SDK for text in installed[name].requires or ()]
    met = []
    for pin, path in pins.items():
        name, version = pin.split("==")
        for requirement in required:
            if requirement.name == name and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                assert requirement.specifier.contains(version), f"{pin} of {path}, but boto3 needs {requirement}"
                met.append(name)
    assert "urllib3" in met


@pytest.fixture(scope="module")
def oldest_aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS whose Lambda has the oldest boto3."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lambda_bootstraps, "LAMBDA_PYTHON", OLDEST_PYTHON)
        with embedded_aws() as aws:
            build([ENGINE, PIPELINE], aws)
            yield aws


@pytest.fixture(scope="module")
def oldest_pipeline(oldest_aws: EmbeddedAws, model: LocalModel) -> DeployedPipeline:
    engine = deploy_engine(oldest_aws, name="engine", api_key=API_KEY)
    put_model(oldest_aws.clients, engine, model)
    return deploy(oldest_aws, "oldest", pipeline_parameters(engine, [model], infer_fps=2))


def test_functions_have_the_oldest_boto3_and_the_layer_s_urllib3(oldest_aws: EmbeddedAws) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        bootstrap = compose_bootstrap(8, [PIPELINE.folder / "build" / "VideoJobsLayer"])
        for name, content in (("bootstrap", bootstrap), ("app.py", PROBE)):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    iam = local_session().client("iam", endpoint_url=oldest_aws.endpoint_url)
    role = iam.create_role(RoleName="probe", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    client: Any = oldest_aws.clients.lambda_
    client.create_function(
        FunctionName="probe", Runtime="provided.al2023", Handler="app.handler", Role=role,
        Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    version, urllib3 = json.load(client.invoke(FunctionName="probe")["Payload"])
    assert OLDEST
    assert version == OLDEST[1]
    assert urllib3.startswith(("/opt/python/", str(PIPELINE.folder / "build" / "VideoJobsLayer")))


@pytest.mark.parametrize("input_mode", ["presigned", "upload"])
def test_a_video_is_processed_with_the_oldest_boto3(oldest_pipeline: DeployedPipeline, input_mode: str) -> None:
    metadata = {"input-mode": input_mode, "annotate": "true"}
    upload = oldest_pipeline.upload(f"{input_mode}.mp4", SAMPLE_VIDEO.read_bytes(), metadata)
    job = oldest_pipeline.wait_for_job(upload)
    assert job["status"] == "done", job
    wait_until(lambda: len(oldest_pipeline.take_notices(upload)) == 2)
    assert [notice.outcome for notice in oldest_pipeline.take_notices(upload)] == ["done", "annotated"]


def test_an_upload_that_cannot_be_a_video_is_rejected(oldest_pipeline: DeployedPipeline) -> None:
    assert oldest_pipeline.wait_for_job(oldest_pipeline.upload("a.wmv", b"video"))["status"] == "rejected"

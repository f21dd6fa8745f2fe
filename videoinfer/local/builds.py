"""Builds the applications with the SAM CLI and keeps what it packaged: nothing is built or zipped twice."""

import hashlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError
from videoinfer.local import lambda_bootstraps
from videoinfer.local.embedded_aws import EmbeddedAws, tool_environment
from videoinfer.local.lambda_bootstraps import compile_layers, use_bootstraps, write_bootstraps
from videoinfer.processes import kill_group, log_tail, start_group
from videoinfer.repository import BUILD_FOLDER, ROOT, SAM, require_tool

# The packaged templates name it.
ARTIFACTS_BUCKET = "videoinfer-artifacts"


@dataclass(frozen=True)
class Application:
    """A SAM application of this repository.

    Attributes:
        sources: Files and folders that its build reads.
    """

    name: str
    template: Path
    sources: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        """Holds everything that building it makes."""
        return BUILD_FOLDER / self.name

    @property
    def packaged_template(self) -> Path:
        return self.folder / "packaged.yaml"

    @property
    def artifacts(self) -> Path:
        """One file an object that the packaged template refers to."""
        return self.folder / "artifacts"

    @property
    def stamp(self) -> Path:
        """The digest of the sources that the artifacts were made from; written last."""
        return self.folder / "sources.sha256"


PIPELINE = Application(
    "pipeline",
    ROOT / "template.yaml",
    (ROOT / "template.yaml", ROOT / "functions", ROOT / "layers", ROOT / "statemachine"),
)
ENGINE = Application(
    "engine",
    ROOT / "engine" / "template.yaml",
    tuple(ROOT / "engine" / part for part in ("template.yaml", "functions", "layers", "statemachine")),
)


def build(applications: Sequence[Application], aws: EmbeddedAws) -> list[Application]:
    """Brings every application's artifacts up to date, side by side, and returns those that had to be built.

    Raises:
        CommandError: A build failed; with the end of its log.
    """
    BUILD_FOLDER.mkdir(exist_ok=True)
    with _locked(BUILD_FOLDER / "lock"):
        digests = {application: _digest(application) for application in applications}
        stale = [application for application in applications if not _is_current(application, digests)]
        _create_artifacts_bucket(aws.clients)
        _run_side_by_side("build", {application: _build_command(application) for application in stale}, aws)
        for application in stale:
            write_bootstraps(application.folder / "build")
        _run_side_by_side("package", {application: _package_command(application) for application in stale}, aws)
        for application in stale:
            use_bootstraps(application.packaged_template)
            compile_layers(application.folder / "build")
            _keep_artifacts(application, aws.clients)
            application.stamp.write_text(digests[application])
    return stale


def publish(application: Application, clients: AwsClients) -> str:
    """Puts the artifacts where the packaged template says they are, and returns the template's URL."""
    _create_artifacts_bucket(clients)
    key = f"{application.name}.yaml"
    with _locked(BUILD_FOLDER / "lock"):
        published = set(_list_keys(application, clients))
        for artifact in application.artifacts.iterdir():
            artifact_key = f"{application.name}/{artifact.name}"
            if artifact_key not in published:
                clients.s3.upload_file(str(artifact), ARTIFACTS_BUCKET, artifact_key)
        clients.s3.upload_file(str(application.packaged_template), ARTIFACTS_BUCKET, key)
    return f"{clients.s3.meta.endpoint_url}/{ARTIFACTS_BUCKET}/{key}"


def digest_files(sources: Sequence[Path]) -> str:
    """A digest of the names and contents of the files in and under `sources`, bytecode aside."""
    digest = hashlib.sha256()
    for source in sources:
        files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(source.parent)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _digest(application: Application) -> str:
    """Of all that the artifacts are made from: what is written into them here too."""
    return digest_files([*application.sources, Path(lambda_bootstraps.__file__)])


def _is_current(application: Application, digests: Mapping[Application, str]) -> bool:
    return application.stamp.exists() and application.stamp.read_text() == digests[application]


def _build_command(application: Application) -> list[str | Path]:
    # fmt: off
    return [
        require_tool(SAM), "build", "--cached", "--parallel",
        "--template-file", application.template,
        "--build-dir", application.folder / "build",
        "--cache-dir", application.folder / "cache",
    ]
    # fmt: on


def _package_command(application: Application) -> list[str | Path]:
    # fmt: off
    return [
        require_tool(SAM), "package",
        "--template-file", application.folder / "build" / "template.yaml",
        "--s3-bucket", ARTIFACTS_BUCKET, "--s3-prefix", application.name,
        "--output-template-file", application.packaged_template,
    ]
    # fmt: on


def _run_side_by_side(verb: str, commands: Mapping[Application, Sequence[str | Path]], aws: EmbeddedAws) -> None:
    with ExitStack() as running:
        processes: dict[Application, subprocess.Popen[bytes]] = {}
        for application, command in commands.items():
            application.folder.mkdir(exist_ok=True)
            # `sam build` removes what other builds keep in the .aws-sam/deps of the folder that it runs in.
            folder, log = application.folder, _log(application, verb)
            process = start_group(command, environment=_sam_environment(aws), folder=folder, log=log)
            running.callback(kill_group, process)
            processes[application] = process
        for application, process in processes.items():
            if process.wait() != 0:
                log = _log(application, verb)
                raise CommandError(
                    f"`sam {verb}` of the {application.name} failed. The end of {log}:\n{log_tail(log, lines=20)}"
                )


def _sam_environment(aws: EmbeddedAws) -> dict[str, str]:
    # The SAM CLI looks for the functions' Python on the path; its own environment has one.
    environment = tool_environment(aws)
    return {**environment, "PATH": f"{SAM.parent}:{environment['PATH']}"}


def _log(application: Application, verb: str) -> Path:
    return application.folder / f"{verb}.log"


def _keep_artifacts(application: Application, clients: AwsClients) -> None:
    application.artifacts.mkdir(exist_ok=True)
    for outdated in application.artifacts.iterdir():
        outdated.unlink()
    for key in _list_keys(application, clients):
        artifact = application.artifacts / key.removeprefix(f"{application.name}/")
        clients.s3.download_file(ARTIFACTS_BUCKET, key, str(artifact))


def _list_keys(application: Application, clients: AwsClients) -> list[str]:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=ARTIFACTS_BUCKET, Prefix=f"{application.name}/")
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def _create_artifacts_bucket(clients: AwsClients) -> None:
    clients.s3.create_bucket(Bucket=ARTIFACTS_BUCKET)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # Two runs at once would write into each other's build.
    with path.open("w") as file:
        flock(file, LOCK_EX)
        yield

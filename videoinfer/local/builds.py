"""Builds the applications with the SAM CLI and keeps the packages, so that nothing is built or zipped twice."""

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
from videoinfer.processes import dismiss_guard, kill_group, log_tail, start_group, start_guard
from videoinfer.repository import BUILD_FOLDER, ROOT, SAM, require_tool

ARTIFACTS_BUCKET = "videoinfer-artifacts"
"""The packaged templates contain this name."""


@dataclass(frozen=True)
class Application:
    """A SAM application of this repository.

    Attributes:
        root: The folder with its template and everything that its template refers to.
    """

    name: str
    root: Path

    @property
    def template(self) -> Path:
        return self.root / "template.yaml"

    @property
    def sources(self) -> list[Path]:
        """The files and folders from which it is built."""
        return [self.template, *(self.root / part for part in ("functions", "layers", "statemachine"))]

    @property
    def folder(self) -> Path:
        """The folder for everything that building it creates."""
        return BUILD_FOLDER / self.name

    @property
    def packaged_template(self) -> Path:
        return self.folder / "packaged.yaml"

    @property
    def artifacts(self) -> Path:
        """A folder with one file for each object that the packaged template refers to."""
        return self.folder / "artifacts"

    @property
    def stamp(self) -> Path:
        """The digest of the sources that the artifacts were built from. It is written last."""
        return self.folder / "sources.sha256"


PIPELINE = Application("pipeline", ROOT)
ENGINE = Application("engine", ROOT / "engine")


def build(applications: Sequence[Application], aws: EmbeddedAws) -> list[Application]:
    """Brings the artifacts of all applications up to date, in parallel, and returns the applications that it built.

    Raises:
        CommandError: A build failed; the message has the end of its log.
    """
    BUILD_FOLDER.mkdir(exist_ok=True)
    with _locked(BUILD_FOLDER / "lock"):
        # The artifacts contain the bootstraps that this package writes.
        bootstraps = Path(lambda_bootstraps.__file__)
        digests = {application: digest_files([*application.sources, bootstraps]) for application in applications}
        stale = [it for it in applications if not it.stamp.exists() or it.stamp.read_text() != digests[it]]
        aws.clients.s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
        _run_sam("build", {application: _build_command(application) for application in stale}, aws)
        for application in stale:
            write_bootstraps(application.folder / "build")
        _run_sam("package", {application: _package_command(application) for application in stale}, aws)
        for application in stale:
            use_bootstraps(application.packaged_template)
            compile_layers(application.folder / "build")
            _download_artifacts(application, aws.clients)
            application.stamp.write_text(digests[application])
    return stale


def publish(application: Application, clients: AwsClients) -> str:
    """Uploads the artifacts to where the packaged template refers to them, and returns the template's URL."""
    clients.s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
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
    """A digest of the names and contents of all files in `sources`, which may be folders. Bytecode does not count."""
    digest = hashlib.sha256()
    for source in sources:
        files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(source.parent)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


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


def _run_sam(verb: str, commands: Mapping[Application, Sequence[str | Path]], aws: EmbeddedAws) -> None:
    """Runs all commands in parallel. If one fails, the others are killed."""
    environment = tool_environment(aws)
    # The SAM CLI looks for the functions' Python on the PATH; its own virtual environment has one.
    environment["PATH"] = f"{SAM.parent}:{environment['PATH']}"
    environment["TMPDIR"] = str(aws.folder / "tmp")  # pip, if it is killed, leaves what it has unpacked
    with ExitStack() as running:
        processes: dict[Application, subprocess.Popen[bytes]] = {}
        for application, command in commands.items():
            # `sam build` removes other builds' files from .aws-sam/deps in its working directory.
            folder, log = application.folder, application.folder / f"{verb}.log"
            folder.mkdir(exist_ok=True)
            processes[application] = start_group(command, environment=environment, folder=folder, log=log)
            running.callback(kill_group, processes[application])
            running.callback(dismiss_guard, start_guard(processes[application]))
        for application, process in processes.items():
            if process.wait() != 0:
                log = application.folder / f"{verb}.log"
                raise CommandError(
                    f"`sam {verb}` of the {application.name} failed. The end of {log}:\n{log_tail(log, lines=20)}"
                )


def _download_artifacts(application: Application, clients: AwsClients) -> None:
    application.artifacts.mkdir(exist_ok=True)
    for outdated in application.artifacts.iterdir():
        outdated.unlink()
    for key in _list_keys(application, clients):
        artifact = application.artifacts / key.removeprefix(f"{application.name}/")
        clients.s3.download_file(ARTIFACTS_BUCKET, key, str(artifact))


def _list_keys(application: Application, clients: AwsClients) -> list[str]:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=ARTIFACTS_BUCKET, Prefix=f"{application.name}/")
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # Two runs at the same time would write into each other's build.
    with path.open("w") as file:
        flock(file, LOCK_EX)
        yield

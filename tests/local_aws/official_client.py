"""Roboflow's own client from PyPI, used with the engine as a user would; only the API's address differs.

    make .venv/ready .venv-aws/ready .venv-sam/ready .venv-client/ready
    .venv/bin/python -m tests.local_aws.official_client

prints the transcript, on an embedded AWS of its own.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from tests.local_aws.pipelines import API_KEY
from videoinfer.local.api_proxy import start_api_proxy
from videoinfer.local.builds import ENGINE, build
from videoinfer.local.deployments import Engine, deploy_engine, put_model
from videoinfer.local.embedded_aws import EmbeddedAws, embedded_aws
from videoinfer.model_packages import LocalModel, read_model_package
from videoinfer.processes import kill_group
from videoinfer.repository import ROOT, SAMPLE_MODEL, SAMPLE_VIDEO

CLIENT = ROOT / ".venv-client"

type Form = Literal["model", "models()[0]"]

FORMS: tuple[Form, ...] = get_args(Form.__value__)
"""How the documented script gets the version's model. `version.model` is deprecated."""

DOCUMENTED = """\
from roboflow import Roboflow

rf = Roboflow(api_key="API_KEY")
project = rf.workspace().project("PROJECT_NAME")
model = project.version(MODEL_ID).{form}

job_id, signed_url, expire_time = model.predict_video(
    "football-video.mp4",
    fps=5,
    prediction_type="batch-video",
)

results = model.poll_until_video_results(job_id)

print(results)
"""
"""Roboflow's script, in each form. Its page says to replace the words in capitals:

- `model`: https://docs.roboflow.com/deploy/serverless/video-inference/use-a-fine-tuned-model
- `models()[0]`: https://docs.roboflow.com/deployment/legacy/legacy-serverless/video-inference/use-a-fine-tuned-model
"""

_SHORT_MINUTES = """\
# The client sleeps a minute before each poll; the embedded AWS's minutes are shorter.
import time

sleep = time.sleep
time.sleep = lambda seconds: sleep(seconds / 100)
"""
"""Python runs this before each script (`sitecustomize`), so that the scripts stay as they are documented."""

ASK_TYPES = """\
import json, sys
from roboflow.core.training import TrainedModel
from roboflow.util import http

class Answer:
    ok = True
    json = staticmethod(lambda: {"job_id": "a-job"})

asked = []
http.request = lambda *_, data, **__: asked.append(json.loads(data)) or Answer
for model_type in sys.argv[1:]:
    TrainedModel("key", "my-team", "belt", "belt/3", model_type).predict_video("https://videos.example.com/a.mp4")
json.dump([job["models"] for job in asked], sys.stdout)
"""
"""A script that prints which models the client requests for the model types that it is given."""

MISTAKES = {
    "key": "ROBOFLOW_API_KEY=not-the-key roboflow video status a-job",
    "job": "roboflow video status a-job",
    "project": "roboflow video infer -p no-such-model -v 1 -f no-video.mp4",
}
"""A user's mistaken commands, by what is wrong."""

_COMMAND_SECONDS = 120.0
_LINE_LENGTH = 400
_STARTUP = "startup"
_JOB_SECONDS = 60.0


@dataclass(frozen=True)
class Run:
    """A command that was run.

    Attributes:
        command: The line of shell.
        status: Its exit status.
        printed: All of its output. It contains secrets, so it must never be shown.
    """

    command: str
    status: int
    printed: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The command and its output, without the API key and the signed queries of URLs. Long lines are cut."""
        without_key = self.printed.replace(API_KEY, "…")
        without_queries = re.sub(r"(https?://[^\s?\"]+)[?][^\s\"]+", r"\1?…", without_key)
        return f"$ {self.command}\n{re.sub(f'(.{{{_LINE_LENGTH}}}).+', r'\1…', without_queries)}"


@dataclass(frozen=True)
class Terminal:
    """A terminal of a user who has only the client, the engine's address and an API key.

    Attributes:
        folder: The working directory.
    """

    folder: Path
    api_url: str

    def run(self, command: str) -> Run:
        """Runs a line of shell."""
        environment = {
            "API_URL": self.api_url,
            "ROBOFLOW_API_KEY": API_KEY,
            "HOME": str(self.folder),
            "PYTHONPATH": str(self.folder / _STARTUP),
            "PATH": f"{CLIENT / 'bin'}:{os.defpath}",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
        }
        ended = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        return Run(command, ended.returncode, ended.stdout)


@contextmanager
def open_terminal(aws: EmbeddedAws, engine: Engine, folder: Path, model: LocalModel) -> Iterator[Terminal]:
    """Opens a terminal in `folder`, with the video and the scripts. The engine's API gets an address without a path."""
    shutil.copy(SAMPLE_VIDEO, folder)
    for form in FORMS:
        (folder / name_script(form)).write_text(write_script(form, model))
    (folder / _STARTUP).mkdir()
    (folder / _STARTUP / "sitecustomize.py").write_text(_SHORT_MINUTES)
    proxy = start_api_proxy(aws, engine.api_url)
    try:
        yield Terminal(folder, proxy.url)
    finally:
        kill_group(proxy.process)


def name_script(form: Form) -> str:
    """Returns the name of the script's file."""
    return "infer.py" if form == "model" else "infer_with_models.py"


def write_script(form: Form, model: LocalModel) -> str:
    """Returns the documented script for this video, model and key."""
    replaced = {
        "{form}": form,
        "API_KEY": API_KEY,
        "PROJECT_NAME": model.model_id,
        "MODEL_ID": model.model_version,
        "football-video.mp4": SAMPLE_VIDEO.name,
    }
    return re.sub("|".join(map(re.escape, replaced)), lambda found: replaced[found[0]], DOCUMENTED)


def run_script(terminal: Terminal, form: Form, *, may_be_deprecated: bool = False) -> Run:
    """Runs a script that waits for a video's results. It fails at the first deprecation warning, unless it may."""
    options = [] if may_be_deprecated else ["-W", "error::DeprecationWarning"]
    return terminal.run(shlex.join(["python", *options, name_script(form)]))


def ask_types(terminal: Terminal, model_types: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Returns the models that the client requests for each model type."""
    run = terminal.run(f"python -c {shlex.quote(ASK_TYPES)} {shlex.join(model_types)}")
    assert run.status == 0, run.shown
    asked: list[list[dict[str, Any]]] = json.loads(run.printed)
    return asked


def run_command_line(terminal: Terminal, model: LocalModel) -> list[Run]:
    """Does the same with the command line: creates a job, polls its status, and finally prints all of its state.

    Returns:
        The commands whose output differs from the output before.

    Raises:
        AssertionError: A command failed, or the job did not end.
    """
    options = f"-p {model.model_id} -v {model.model_version} --fps 5 -f {SAMPLE_VIDEO.name}"
    runs = [terminal.run(f"roboflow video infer {options}")]
    assert runs[0].status == 0, runs[0].shown
    [job_id] = re.findall(r"Job ID: (\S+)", runs[0].printed)
    deadline = time.monotonic() + _JOB_SECONDS
    while time.monotonic() < deadline:
        asked = terminal.run(f"roboflow video status {job_id}")
        if asked.printed != runs[-1].printed:
            runs.append(asked)
        [status] = re.findall(r"Status: +(\d+)", asked.printed)
        if status == "0":
            return [*runs, terminal.run(f"roboflow --json video status {job_id}")]
    raise AssertionError(f"The job came to no end in {_JOB_SECONDS:g} s: {runs[-1].shown}")


def use_client(terminal: Terminal, model: LocalModel) -> Iterator[Run]:
    """Runs everything that a user tries."""
    yield terminal.run("roboflow --version")
    for form in FORMS:
        yield terminal.run(f"cat {name_script(form)}")
        yield run_script(terminal, form, may_be_deprecated=form == "model")
    yield from run_command_line(terminal, model)
    yield from map(terminal.run, MISTAKES.values())


def main() -> None:
    """Prints the transcript."""
    model = read_model_package(SAMPLE_MODEL)
    with tempfile.TemporaryDirectory() as folder, embedded_aws() as aws:
        build([ENGINE], aws)
        engine = deploy_engine(aws, name="engine", api_key=API_KEY)
        put_model(aws.clients, engine, model)
        with open_terminal(aws, engine, Path(folder), model) as terminal:
            print(f"$ export API_URL={terminal.api_url} ROBOFLOW_API_KEY=…\n")
            for run in use_client(terminal, model):
                print(run.shown, f"(exit status {run.status})\n" if run.status else "", sep="", flush=True)


if __name__ == "__main__":
    main()

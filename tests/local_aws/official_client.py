"""Roboflow's own client from PyPI, used with the engine as a user would; only the API's address differs.

    make .venv/ready .venv-aws/ready .venv-sam/ready .venv-client/ready
    .venv/bin/python -m tests.local_aws.official_client

prints the transcript, on an embedded AWS of its own.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.local_aws.pipelines import API_KEY
from videoinfer.local.api_proxy import start_api_proxy
from videoinfer.local.builds import ENGINE, build
from videoinfer.local.deployments import Engine, deploy_engine, put_model
from videoinfer.local.embedded_aws import EmbeddedAws, embedded_aws
from videoinfer.model_packages import LocalModel, read_model_package
from videoinfer.processes import kill_group
from videoinfer.repository import ROOT, SAMPLE_MODEL, SAMPLE_VIDEO

CLIENT = ROOT / ".venv-client"

RESULTS = "results.json"
"""The file that the script writes."""

SCRIPT = f"""\
import collections, json, sys, time
from roboflow import Roboflow

# The client sleeps a minute before each poll; the embedded AWS's minutes are shorter.
sleep = time.sleep
time.sleep = lambda seconds: sleep(seconds / 100)

project, version, video = sys.argv[1:]
model = Roboflow().workspace().project(project).version(version).model
job_id, signed_url, expires = model.predict_video(video, fps=5)
print(f"Job {{job_id}}: the video's address works for {{expires}} s")
results = model.poll_until_video_results(job_id)

frames = results[project]
found = collections.Counter(box["class"] for frame in frames for box in frame["predictions"])
print(f"{{len(frames)}} frames:", *(f"{{count}} {{name}}," for name, count in found.most_common()))
print("The first:", json.dumps(frames[0])[:200], "...")
with open("{RESULTS}", "w") as file:
    json.dump(results, file)
"""

MISTAKES = {
    "key": "ROBOFLOW_API_KEY=not-the-key roboflow video status a-job",
    "job": "roboflow video status a-job",
    "project": "roboflow video infer -p no-such-model -v 1 -f no-video.mp4",
}
"""A user's mistaken commands, by what is wrong."""

_COMMAND_SECONDS = 120.0
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
        """The command and its output, without the API key and the signed queries of URLs."""
        without_key = self.printed.replace(API_KEY, "…")
        return f"$ {self.command}\n{re.sub(r'(https?://[^\s?"]+)[?][^\s"]+', r'\1?…', without_key)}"


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
def open_terminal(aws: EmbeddedAws, engine: Engine, folder: Path) -> Iterator[Terminal]:
    """Opens a terminal in `folder`, with the video and the script. The engine's API gets an address without a path."""
    shutil.copy(SAMPLE_VIDEO, folder)
    (folder / "infer.py").write_text(SCRIPT)
    proxy = start_api_proxy(aws, engine.api_url)
    try:
        yield Terminal(folder, proxy.url)
    finally:
        kill_group(proxy.process)


def run_script(terminal: Terminal, model: LocalModel) -> Run:
    """Runs a script that waits for a video's results."""
    return terminal.run(f"python infer.py {model.model_id} {model.model_version} {SAMPLE_VIDEO.name}")


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
    yield terminal.run("cat infer.py")
    yield run_script(terminal, model)
    yield from run_command_line(terminal, model)
    yield from map(terminal.run, MISTAKES.values())


def main() -> None:
    """Prints the transcript."""
    model = read_model_package(SAMPLE_MODEL)
    with tempfile.TemporaryDirectory() as folder, embedded_aws() as aws:
        build([ENGINE], aws)
        engine = deploy_engine(aws, name="engine", api_key=API_KEY)
        put_model(aws.clients, engine, model)
        with open_terminal(aws, engine, Path(folder)) as terminal:
            print(f"$ export API_URL={terminal.api_url} ROBOFLOW_API_KEY=…\n")
            for run in use_client(terminal, model):
                print(run.shown, f"(exit status {run.status})\n" if run.status else "", sep="", flush=True)


if __name__ == "__main__":
    main()

"""Makes the embedded AWS run built functions with AWS's own runtime client.

The embedded AWS runs functions of the runtime `python3.13` in its own loop, which hides faults that Lambda would show:
it passes values of other types, hides an exception's class, and lets functions import its own packages. It runs a
function of a `provided` runtime by starting the function's `bootstrap`, and serves it a Runtime API like Lambda's.
So each function gets a bootstrap that starts AWS's runtime client.
"""

import re
import shlex
import subprocess
from pathlib import Path

import yaml

from videoinfer.errors import CommandError
from videoinfer.local import lambda_sandbox
from videoinfer.repository import BUILD_FOLDER, LAMBDA_PYTHON, require_tool

_MEGABYTES = 512
"""Size of `/tmp` if the template has no `EphemeralStorage`: Lambda's default."""


def write_bootstraps(build: Path) -> None:
    """Adds a `bootstrap` to each function in a build folder of `sam build`."""
    template = yaml.safe_load((build / "template.yaml").read_text())
    common = template.get("Globals", {}).get("Function", {})
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            megabytes = properties.get("EphemeralStorage", {}).get("Size", _MEGABYTES)
            layers = [*common.get("Layers", []), *properties.get("Layers", [])]
            bootstrap = compose_bootstrap(megabytes, [build / layer["Ref"] for layer in layers])
            (build / name / "bootstrap").write_text(bootstrap)


def compose_bootstrap(megabytes: int, layers: list[Path]) -> str:
    """A shell script that runs the function in whose folder it is.

    Args:
        megabytes: The size of `/tmp`.
        layers: The layers' folders under the build folder. A file of a later layer hides that of an earlier one.
    """
    names = " ".join(f'"$LAMBDA_SANDBOX_BUILDS"/{shlex.quote(str(it.relative_to(BUILD_FOLDER)))}' for it in layers)
    return (
        "#!/bin/sh\n"
        f'exec "$LAMBDA_SANDBOX_PYTHON" -I -S "$LAMBDA_SANDBOX_SCRIPT" --temporary-megabytes {megabytes} {names}\n'
    )


def use_bootstraps(template: Path) -> None:
    """Replaces the runtime `python3.13` in a packaged template with one that starts bootstraps.

    Raises:
        CommandError: No function has the runtime `python3.13`.
    """
    changed, count = re.subn(r"(?m)^(\s*Runtime: )python3\.13$", r"\1provided.al2023", template.read_text())
    if not count:
        raise CommandError(f"{template} has no function of python3.13.")
    template.write_text(changed)


def compile_layers(build: Path) -> None:
    """Compiles the layers of a build folder once. Functions can't write there, so each start would compile again."""
    folders = build.glob("*/python")
    compileall: list[str | Path] = [require_tool(LAMBDA_PYTHON), "-m", "compileall", "-q", "-j", "0"]
    subprocess.run([*compileall, *folders], check=True)


def name_sandbox(root: Path) -> dict[str, str]:
    """The environment variables that a bootstrap and `lambda_sandbox` read.

    Args:
        root: An empty folder, on which the functions' root folders are mounted.
    """
    python = require_tool(LAMBDA_PYTHON)
    [packages] = (python.parents[1] / "lib").glob("python3*/site-packages")
    return {
        "LAMBDA_SANDBOX_BUILDS": str(BUILD_FOLDER),
        "LAMBDA_SANDBOX_PYTHON": str(python.resolve()),
        "LAMBDA_SANDBOX_SCRIPT": lambda_sandbox.__file__,
        lambda_sandbox.ROOT_FOLDER: str(root),
        lambda_sandbox.RUNTIME_FOLDER: str(packages),
    }

"""Makes built functions run on AWS's own runtime client on the embedded AWS.

The embedded AWS runs functions of `python3.13` in a loop of its own, which is kinder than Lambda: it hands over other
types, hides the class of an exception and shows its own packages. Functions of a `provided` runtime it starts by their
`bootstrap`, behind a Runtime API like Lambda's. So each function gets a bootstrap that runs what AWS's runtime runs.
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
"""Size of the temporary folder of a function whose template does not name one: Lambda's default."""


def write_bootstraps(build: Path) -> None:
    """Adds a `bootstrap` to each function of a build folder that `sam build` made."""
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
    """A script that runs the function of the folder it is in.

    Args:
        megabytes: The size of the temporary folder.
        layers: In the order in which they are laid over one another.
    """
    names = " ".join(f'"$LAMBDA_SANDBOX_BUILDS"/{shlex.quote(str(it.relative_to(BUILD_FOLDER)))}' for it in layers)
    return (
        "#!/bin/sh\n"
        f'exec "$LAMBDA_SANDBOX_PYTHON" -I -S "$LAMBDA_SANDBOX_SCRIPT" --temporary-megabytes {megabytes} {names}\n'
    )


def use_bootstraps(template: Path) -> None:
    """Makes a packaged template name the runtime that starts bootstraps.

    Raises:
        CommandError: It names no other, so there is nothing to replace.
    """
    changed, count = re.subn(r"(?m)^(\s*Runtime: )python3\.13$", r"\1provided.al2023", template.read_text())
    if not count:
        raise CommandError(f"{template} has no function of python3.13.")
    template.write_text(changed)


def compile_layers(build: Path) -> None:
    """Compiles what functions import from a build folder, which they can't write to, once rather than at each start."""
    folders = build.glob("*/python")
    compileall: list[str | Path] = [require_tool(LAMBDA_PYTHON), "-m", "compileall", "-q", "-j", "0"]
    subprocess.run([*compileall, *folders], check=True)


def name_sandbox(root: Path) -> dict[str, str]:
    """The variables that a bootstrap and `lambda_sandbox` read.

    Args:
        root: An empty folder.
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

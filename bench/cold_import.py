"""Measures the import time of each function on a cold start, and the function's unpacked size.

    .venv/bin/python -m bench.cold_import

The benchmark first builds the applications if needed. Each import runs in a new interpreter that can import only what
Lambda has: the function, its layers and boto3. The engine's layers have bytecode. The pipeline's have none and their
folders are read-only, so Lambda compiles them at each cold start, and so does this benchmark. It assumes that Lambda's
boto3 has bytecode. The times are compared with a yardstick, which imports boto3 and creates one client, and is measured
in turn with the functions.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import boto3
from cfnlint.decode import cfn_yaml
from rich.console import Console
from rich.table import Table

from videoinfer.local.builds import ENGINE, PIPELINE, Application, build
from videoinfer.local.embedded_aws import REGION, embedded_aws

ROUNDS = 5

UNPACKED_LIMIT_BYTES = 262_144_000
"""Lambda's limit on the size of a function with its layers."""

_YARDSTICK = "import boto3; boto3.client('s3')"
_BOTO3_MODULES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
_TIMER = """
import sys, time
sys.path[:0] = sys.argv[2:]
start = time.perf_counter()
exec(sys.argv[1])
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class BuiltFunction:
    """A function that `sam build` built."""

    name: str
    code: Path
    layers: tuple[Path, ...]

    @property
    def import_path(self) -> list[Path]:
        return [self.code, *(layer / "python" for layer in self.layers)]

    @property
    def unpacked_bytes(self) -> int:
        files = (file for folder in (self.code, *self.layers) for file in folder.rglob("*") if file.is_file())
        return sum(file.stat().st_size for file in files)


def main() -> None:
    """Measures all functions, and prints a table."""
    applications = (PIPELINE, ENGINE)
    with embedded_aws() as aws:
        build(applications, aws)
    with tempfile.TemporaryDirectory() as folder:
        (runtime := Path(folder) / "runtime").mkdir()
        link_boto3(runtime)
        functions = [
            function
            for application in applications
            for function in find_functions(application, _copy_build(application, Path(folder)))
        ]
        rounds = [measure_round(functions, runtime) for _ in range(ROUNDS)]
        Console().print(compose_table(functions, rounds))


def _copy_build(application: Application, folder: Path) -> Path:
    """Copies what `sam build` built. The embedded AWS adds bytecode to that."""
    ignore = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(application.folder / "build", folder / application.name, symlinks=True, ignore=ignore)


def find_functions(application: Application, folder: Path) -> list[BuiltFunction]:
    """The functions of an application that was built in `folder`. SAM names their folders by logical ID."""
    template = cfn_yaml.load(str(application.template))
    common = template.get("Globals", {}).get("Function", {}).get("Layers", [])
    return [
        BuiltFunction(
            name,
            folder / name,
            tuple(folder / layer["Ref"] for layer in (*common, *resource["Properties"].get("Layers", []))),
        )
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def link_boto3(folder: Path) -> Path:
    """Links boto3 and its dependencies, which Lambda's runtime contains, into an empty `folder`, with bytecode."""
    site_packages = Path(boto3.__file__).parents[1]
    compiling: list[str | Path] = [sys.executable, "-m", "compileall", "-q"]
    subprocess.run(compiling + [site_packages / module for module in _BOTO3_MODULES], check=True)
    for module in _BOTO3_MODULES:
        (folder / module).symlink_to(site_packages / module)
    return folder


def measure_round(functions: Sequence[BuiltFunction], runtime: Path) -> list[float]:
    """The seconds of the yardstick, followed by the seconds of each function's import."""
    return [
        time_statement(_YARDSTICK, [runtime]),
        *(time_statement("import app", [*function.import_path, runtime]) for function in functions),
    ]


def time_statement(statement: str, import_path: Sequence[Path]) -> float:
    """The seconds of `statement` in a new interpreter with only the standard library and `import_path`."""
    command: list[str | Path] = [sys.executable, "-I", "-S", "-B", "-c", _TIMER, statement, *import_path]
    environment = {"AWS_DEFAULT_REGION": REGION}
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def compose_table(functions: Sequence[BuiltFunction], rounds: Sequence[Sequence[float]]) -> Table:
    """A row for each function: median seconds, median of the ratios to the same round's yardstick, and size."""
    table = Table("function", caption=f"Medians of {len(rounds)} rounds; 1.0 is {_YARDSTICK}")
    for heading in ("import, s", "ratio", "unpacked, bytes", "of the limit"):
        table.add_column(heading, justify="right")
    yardsticks, *imports = zip(*rounds, strict=True)
    table.add_row("(boto3 and one client)", f"{median(yardsticks):.2f}", "1.00", "", "", end_section=True)
    for function, seconds in zip(functions, imports, strict=True):
        ratio = median(own / yardstick for own, yardstick in zip(seconds, yardsticks, strict=True))
        size = function.unpacked_bytes
        table.add_row(
            function.name, f"{median(seconds):.2f}", f"{ratio:.2f}", f"{size:,}", f"{size / UNPACKED_LIMIT_BYTES:.1%}"
        )
    return table


if __name__ == "__main__":
    main()

"""Measures the memory of a warm function that loads the models of several jobs, one job after the other.

    .venv/bin/python -m bench.models [--models 4] [--megabytes 146] [--jobs 3] [--memory 1769]

Each job has other models. Lambda kills a function that uses too much memory, and so does a memory cgroup:

    systemd-run --scope -p MemoryMax=1769M -p MemorySwapMax=0 .venv/bin/python -m bench.models
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.stand_ins.model_files import make_large_network, make_package
from videoengine.compiled_models import CompiledModels, read_resident_bytes
from videoengine.precision import Precision


def make_packages(folder: Path, models: int, megabytes: int) -> dict[str, Path]:
    """Writes model packages with weights of `megabytes`, in the model store's layout of folders."""
    files = make_package() | {"weights.onnx": make_large_network(megabytes * 10**6)}
    folders = {f"m{number}/1": folder / f"m{number}" / "1" / "revision" for number in range(models)}
    for package in folders.values():
        package.mkdir(parents=True)
        for name, content in files.items():
            (package / name).write_bytes(content)
    return folders


def run_jobs(folder: Path, models: int, jobs: int, memory_bytes: int) -> None:
    """Loads the models of each job, and prints a line for each job."""
    compiled = CompiledModels()
    for job in range(jobs):
        # Other names for the same files are other models for the function.
        names = {f"{job}-{number}": folder / f"m{number}" / f"job{job}" / "revision" for number in range(models)}
        for number, path in enumerate(names.values()):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(folder / f"m{number}" / "1" / "revision")
        started = time.perf_counter()
        compiled.load(names, Precision.F32, memory_bytes)
        seconds = time.perf_counter() - started
        print(f"job {job + 1}: {read_resident_bytes() / 2**20:5.0f} MiB in memory, {seconds:.1f} s", flush=True)  # noqa: T201
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    print(f"peak:  {int(peak.split()[1]) / 1024:5.0f} MiB")  # noqa: T201


def main() -> None:
    """Writes the packages, and loads them in a new process."""
    parser = argparse.ArgumentParser(description="Measures the memory of many models.")
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--megabytes", type=int, default=146)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--memory", type=int, default=1769, help="the function's memory in MiB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_packages(Path(folder), options.models, options.megabytes)
        program = (
            "import sys; from pathlib import Path; from bench.models import run_jobs;"
            "run_jobs(Path(sys.argv[1]), *map(int, sys.argv[2:]))"
        )
        numbers = (options.models, options.jobs, options.memory * 2**20)
        sys.exit(subprocess.run([sys.executable, "-c", program, folder, *map(str, numbers)], check=False).returncode)


if __name__ == "__main__":
    main()

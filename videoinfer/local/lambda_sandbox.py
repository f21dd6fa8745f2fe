"""Lambda's Python runtime around one function: what the `bootstrap` of a function on the embedded AWS becomes.

Runs AWS's own runtime client (`awslambdaric`) where Linux lets a process have mounts of its own, in a root folder that
holds what Lambda's has: `/var/task` and `/opt` read-only, `/tmp` as large as the template says and nothing else
writable, a `HOME` that does not exist, none of this machine's programs. Elsewhere the client runs beside them, with the
same variables.
Stands alone, without the project's packages: it starts before any of them is on the path.

    lambda_sandbox.py --temporary-megabytes 512 LAYER…

The variables and paths are those of AWS's documentation: "Working with Lambda environment variables" (configuration-
envvars), "Lambda runtime environment" (lambda-runtime-environment) and "Packaging your layer content"
(packaging-layers).
"""

import argparse
import ctypes
import errno
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SERVER_VARIABLES = "LAMBDA_SANDBOX_SERVER_VARIABLES"
"""Names the variables of the server that started this process, separated by commas: no function sees them."""

ROOT_FOLDER = "LAMBDA_SANDBOX_ROOT"
"""Names an empty folder, where the root is mounted."""

RUNTIME_FOLDER = "LAMBDA_SANDBOX_RUNTIME"
"""Names the folder of `awslambdaric` and boto3."""

_USER, _GROUP = 993, 990  # Lambda's own
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_SETTINGS = ("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

# From Linux's mount.h.
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT = 1, 2, 4, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 262144
_KEPT_FLAGS = _MS_NOSUID | _MS_NODEV | 8 | 1024 | 2048  # and MS_NOEXEC, MS_NOATIME, MS_NODIRATIME


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--temporary-megabytes", type=int, required=True)
    parser.add_argument("layers", nargs="*", type=Path)
    arguments = parser.parse_args()
    variables = compose_variables(os.environ)
    runtime = Path(os.environ[RUNTIME_FOLDER])
    try:
        enter_sandbox(runtime, arguments.layers, arguments.temporary_megabytes)
        python = "/var/lang/bin/python3.13"
    except OSError as error:  # this system lets nobody, or not this user, have mounts of their own
        print(f"This function sees this machine, which Lambda does not let it: {error}", file=sys.stderr)  # noqa: T201
        python = sys.executable
        layers = (layer / "python" for layer in reversed(arguments.layers))  # the last one goes first, as on Lambda
        variables |= describe_folders(os.environ, [*layers, runtime])
    os.execve(python, [python, "-m", "awslambdaric", variables["_HANDLER"]], variables)  # noqa: S606  no shell is wanted


def compose_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What the function and its role bring, and what Lambda sets."""
    server = {*environment[SERVER_VARIABLES].split(","), SERVER_VARIABLES, "PWD"}
    return {name: value for name, value in environment.items() if name not in server} | {
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{environment['AWS_LAMBDA_FUNCTION_NAME']}",
        "HOME": "/home/sbx_user1051",  # no such folder, as on Lambda
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": (
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
        ),
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "PYTHONPATH": "/opt/python/lib/python3.13/site-packages:/opt/python:/var/runtime",
        "TZ": ":UTC",
    }


def describe_folders(environment: Mapping[str, str], packages: Sequence[Path]) -> dict[str, str]:
    """The variables that differ outside a sandbox: where things are on this machine."""
    return {
        "LAMBDA_TASK_ROOT": environment["LAMBDA_TASK_ROOT"],
        "LD_LIBRARY_PATH": "",
        "PATH": environment["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, packages)),
        "TMPDIR": tempfile.mkdtemp(),
    }


def enter_sandbox(runtime: Path, layers: Sequence[Path], temporary_megabytes: int) -> None:
    """Gives this process mounts of its own, and a root in which it finds what a function finds on Lambda.

    Raises:
        OSError: It may not have that here. Nothing has changed for this process then.
    """
    if platform.system() != "Linux":
        raise OSError(errno.ENOSYS, "only Linux has mount namespaces")
    user, group = os.getuid(), os.getgid()
    os.unshare(os.CLONE_NEWNS if user == 0 else os.CLONE_NEWNS | os.CLONE_NEWUSER)
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    mount("none", Path("/"), flags=_MS_REC | _MS_PRIVATE)
    root = Path(os.environ[ROOT_FOLDER])
    build_root(
        root,
        task=Path(os.environ["LAMBDA_TASK_ROOT"]),
        runtime=runtime,
        layers=layers,
        temporary_megabytes=temporary_megabytes,
    )
    os.chroot(root)
    os.chdir("/var/task")
    if user == 0:
        os.setgroups([])
        os.setgid(_GROUP)
        os.setuid(_USER)


def build_root(root: Path, *, task: Path, runtime: Path, layers: Sequence[Path], temporary_megabytes: int) -> None:
    """Mounts at `root` what a function of Lambda's Python runtime finds."""
    mount("tmpfs", root, "tmpfs", options="mode=755")
    for library in map(Path, _LIBRARIES):
        if library.is_symlink():
            place(root, library).symlink_to(library.readlink())
        elif library.exists():
            bind(library, place(root, library))
    for file in map(Path, (*_SETTINGS, *_DEVICES)):
        if file.exists():
            place(root, file).touch()
            bind(file, place(root, file))
    bind(Path("/proc"), place(root, Path("/proc")), flags=_MS_REC, read_only=False)
    bind(Path(sys.base_prefix), place(root, Path("/var/lang")))
    for packages in Path(sys.base_prefix).glob("lib/python3*/*-packages"):
        # What is installed there is not on Lambda.
        mount("tmpfs", root / "var/lang" / packages.relative_to(sys.base_prefix), "tmpfs", flags=_MS_RDONLY)
    bind(runtime, place(root, Path("/var/runtime")))
    bind(task, place(root, Path("/var/task")))
    lay(layers, place(root, Path("/opt")))
    temporary = place(root, Path("/tmp"))  # noqa: S108  the function's own
    temporary.mkdir()
    mount("tmpfs", temporary, "tmpfs", flags=_MS_NOSUID | _MS_NODEV, options=f"mode=1777,size={temporary_megabytes}m")
    mount("tmpfs", root, flags=_MS_REMOUNT | _MS_RDONLY)


def lay(layers: Sequence[Path], place: Path) -> None:
    """Layers over one another, the last on top."""
    place.mkdir()
    if len(layers) == 1:
        bind(layers[0], place)
    elif layers:
        folders = ":".join(str(layer).replace("\\", r"\\").replace(":", r"\:") for layer in reversed(layers))
        mount("overlay", place, "overlay", flags=_MS_RDONLY, options=f"lowerdir={folders}")


def place(root: Path, path: Path) -> Path:
    """Where `path` is under `root`; the folder that holds it is made."""
    placed = root / path.relative_to("/")
    placed.parent.mkdir(parents=True, exist_ok=True)
    return placed


def bind(source: Path, target: Path, *, flags: int = 0, read_only: bool = True) -> None:
    if source.is_dir():
        target.mkdir(exist_ok=True)
    mount(str(source), target, flags=_MS_BIND | flags)
    if read_only:
        kept = os.statvfs(target).f_flag & _KEPT_FLAGS  # in a user namespace nobody may take these back
        mount("none", target, flags=_MS_BIND | _MS_REMOUNT | _MS_RDONLY | kept)


def mount(source: str, target: Path, kind: str = "none", *, flags: int = 0, options: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), bytes(target), kind.encode(), flags, options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(target))


if __name__ == "__main__":
    main()

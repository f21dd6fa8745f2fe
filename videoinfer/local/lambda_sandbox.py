"""Runs one function like Lambda's Python runtime. A function's `bootstrap` on the embedded AWS starts this script.

The script starts AWS's own runtime client (`awslambdaric`). If Linux allows a process to have its own mounts, the
client's root folder is like Lambda's: `/var/task` and `/opt` are read-only, only `/tmp` is writable and as large as the
template says, `HOME` does not exist, and this machine's programs are missing. Otherwise the client sees this machine's
files, but has the same environment variables.
The script imports none of the project's packages, because it starts before they are on the path.

    lambda_sandbox.py --temporary-megabytes 512 LAYER…

Source of the variables and paths: AWS Lambda Developer Guide, "Working with Lambda environment variables"
(configuration-envvars), "Lambda runtime environment" (lambda-runtime-environment) and "Packaging your layer content"
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
"""The names of the embedded AWS's own variables, separated by commas. They are hidden from the function."""

ROOT_FOLDER = "LAMBDA_SANDBOX_ROOT"
"""The path of an empty folder, on which the root folder is mounted."""

RUNTIME_FOLDER = "LAMBDA_SANDBOX_RUNTIME"
"""The path of the folder with `awslambdaric` and boto3."""

_USER, _GROUP = 993, 990  # as on Lambda
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_SETTINGS = ("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

# Constants of Linux's mount.h.
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT = 1, 2, 4, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 262144
_MS_NOEXEC, _MS_NOATIME, _MS_NODIRATIME = 8, 1024, 2048
_KEPT_FLAGS = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | _MS_NOATIME | _MS_NODIRATIME


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
    except OSError as error:  # this system does not allow its users, or not this one, to have their own mounts
        print(f"Unlike on Lambda, this function sees this machine's files: {error}", file=sys.stderr)  # noqa: T201
        python = sys.executable
        layers = (layer / "python" for layer in reversed(arguments.layers))  # as on Lambda, the last layer comes first
        variables |= {
            "LAMBDA_TASK_ROOT": os.environ["LAMBDA_TASK_ROOT"],
            "LD_LIBRARY_PATH": "",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, [*layers, runtime])),
            "TMPDIR": tempfile.mkdtemp(),
        }
    os.execve(python, [python, "-m", "awslambdaric", variables["_HANDLER"]], variables)  # noqa: S606  without a shell


def compose_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The function's own variables and its credentials, and the variables that Lambda sets."""
    server = {*environment[SERVER_VARIABLES].split(","), SERVER_VARIABLES, "PWD"}
    return {name: value for name, value in environment.items() if name not in server} | {
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{environment['AWS_LAMBDA_FUNCTION_NAME']}",
        "HOME": "/home/sbx_user1051",  # does not exist, as on Lambda
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


def enter_sandbox(runtime: Path, layers: Sequence[Path], temporary_megabytes: int) -> None:
    """Gives this process its own mounts, and a root folder like that of a function on Lambda.

    Raises:
        OSError: The system does not allow it. Then nothing has changed for this process.
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
    """Mounts on `root` the folders and files that Lambda's Python runtime has."""
    mount("tmpfs", root, "tmpfs", options="mode=755")
    for library in map(Path, _LIBRARIES):
        if library.is_symlink():
            locate(root, library).symlink_to(library.readlink())
        elif library.exists():
            bind(library, locate(root, library))
    for file in map(Path, (*_SETTINGS, *_DEVICES)):
        if file.exists():
            locate(root, file).touch()
            bind(file, locate(root, file))
    bind(Path("/proc"), locate(root, Path("/proc")), flags=_MS_REC, read_only=False)
    bind(Path(sys.base_prefix), locate(root, Path("/var/lang")))
    for packages in Path(sys.base_prefix).glob("lib/python3*/*-packages"):
        # Lambda does not have the packages that are installed there.
        mount("tmpfs", root / "var/lang" / packages.relative_to(sys.base_prefix), "tmpfs", flags=_MS_RDONLY)
    bind(runtime, locate(root, Path("/var/runtime")))
    bind(task, locate(root, Path("/var/task")))
    mount_layers(layers, locate(root, Path("/opt")))
    temporary = locate(root, Path("/tmp"))  # noqa: S108  the function's own
    temporary.mkdir()
    mount("tmpfs", temporary, "tmpfs", flags=_MS_NOSUID | _MS_NODEV, options=f"mode=1777,size={temporary_megabytes}m")
    mount("tmpfs", root, flags=_MS_REMOUNT | _MS_RDONLY)


def mount_layers(layers: Sequence[Path], target: Path) -> None:
    """Mounts all layers on one folder. A file of a later layer hides that of an earlier one."""
    target.mkdir()
    if len(layers) == 1:
        bind(layers[0], target)
    elif layers:
        folders = ":".join(str(layer).replace("\\", r"\\").replace(":", r"\:") for layer in reversed(layers))
        mount("overlay", target, "overlay", flags=_MS_RDONLY, options=f"lowerdir={folders}")


def locate(root: Path, path: Path) -> Path:
    """The absolute `path` below `root`. Creates its parent folder."""
    located = root / path.relative_to("/")
    located.parent.mkdir(parents=True, exist_ok=True)
    return located


def bind(source: Path, target: Path, *, flags: int = 0, read_only: bool = True) -> None:
    if source.is_dir():
        target.mkdir(exist_ok=True)
    mount(str(source), target, flags=_MS_BIND | flags)
    if read_only:
        kept = os.statvfs(target).f_flag & _KEPT_FLAGS  # a user namespace may not remove these
        mount("none", target, flags=_MS_BIND | _MS_REMOUNT | _MS_RDONLY | kept)


def mount(source: str, target: Path, kind: str = "none", *, flags: int = 0, options: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), bytes(target), kind.encode(), flags, options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(target))


if __name__ == "__main__":
    main()

"""Output files: they never replace an input, exist only once complete, and are checked before the work begins."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from videoinfer import inference
from videoinfer.errors import CommandError
from videoinfer.local import demo
from videoinfer.local.outputs import OUTPUT_FILES
from videoinfer.main import app
from videoinfer.output_file import open_output

type Arguments = Callable[[Path], list[str | Path]]
"""Commands by where their output goes."""

RESULTS = '{"frame_offset": [0], "time_offset": [0], "parts": [{"predictions": []}]}'


@pytest.fixture
def files(tmp_path: Path, video: Path, model_folder: Path) -> dict[str, Path]:
    """Copies of everything that a command reads."""
    copies = {"video": tmp_path / "clip.mp4", "results": tmp_path / "results.json", "record": tmp_path / "job.json"}
    copies["video"].write_bytes(video.read_bytes())
    copies["results"].write_text(RESULTS)
    copies["record"].write_text('{"models": []}')
    return {**copies, "weights": model_folder / "weights.onnx", "model": model_folder}


def compose_commands(files: dict[str, Path]) -> dict[str, Arguments]:
    """Every command with an output, with the arguments for an output path."""
    video, results, model = files["video"], files["results"], files["model"]
    return {
        "infer": lambda output: ["infer", video, "--model", model, "--infer-fps", "1", "--output", output],
        "report": lambda output: ["report", results, video, "--output", output],
        "annotate": lambda output: ["annotate", results, video, "--output", output],
        "regions": lambda output: ["regions", video, "--output", output],
        "demo": lambda output: ["demo", "--video", video, "--model", model, "--output", output.parent],
    }


READS = {
    "infer": ["video", "weights"],
    "report": ["video", "results", "record"],
    "annotate": ["video", "results"],
    "regions": ["video"],
    "demo": ["video", "weights"],
}
WITH_OUTPUT_FOLDERS = {"export", "package", "download"}
"""Commands whose output is a folder: test_output_folder.py, and test_onnx_packages.py."""

COMMANDS_AND_INPUTS = [(command, name) for command, names in READS.items() for name in names]


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def list_commands_with_outputs() -> Iterator[str]:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if any({"--output", "-o"} & {*parameter.opts} for parameter in command.params):
            yield name


def test_this_file_covers_every_command_with_an_output() -> None:
    assert {*READS, *WITH_OUTPUT_FOLDERS} == {*list_commands_with_outputs()}


def link(way: str, source: Path, target: Path) -> Path:
    """Makes `target` another name of `source`."""
    if way == "hard link":
        target.hardlink_to(source)
    elif way == "symbolic link":
        target.symlink_to(os.path.relpath(source, target.parent))
    return target


@pytest.mark.parametrize("way", ["hard link", "symbolic link"])
@pytest.mark.parametrize(("command", "name"), COMMANDS_AND_INPUTS)
def test_an_input_under_another_name_is_not_overwritten(
    files: dict[str, Path], tmp_path: Path, command: str, name: str, way: str
) -> None:
    before = files[name].read_bytes()
    (tmp_path / "other").mkdir()
    output = link(way, files[name], tmp_path / "other" / OUTPUT_FILES[-1])

    status, text = run(*compose_commands(files)[command](output))

    assert status == 1
    assert f"{output} can't be the output, because {files[name]} is an input" in text
    assert files[name].read_bytes() == output.read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == [output.name]


@pytest.mark.parametrize(("command", "name"), [pair for pair in COMMANDS_AND_INPUTS if pair[0] != "demo"])
def test_an_input_is_not_overwritten(files: dict[str, Path], command: str, name: str) -> None:
    before = files[name].read_bytes()
    roundabout = files[name].parent / ".." / files[name].parent.name / files[name].name

    for output in (files[name], roundabout):
        status, text = run(*compose_commands(files)[command](output))
        assert status == 1
        assert "is an input: give another --output" in text
    assert files[name].read_bytes() == before


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "is a folder"),
        (os.mkfifo, "is not a file"),
        (lambda path: path.symlink_to("/dev/null"), "is not a file"),
        (lambda path: path.symlink_to(path), "can't be written: Too many levels of symbolic links"),
    ],
    ids=["folder", "pipe", "device", "loop"],
)
@pytest.mark.parametrize("command", READS)
def test_an_impossible_output_path_is_reported_before_the_work_begins(
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    make: Callable[[Path], None],
    words: str,
) -> None:
    monkeypatch.setattr(demo, "start_system", lambda *_: pytest.fail("the work has begun"))
    monkeypatch.setattr(inference, "Detector", lambda *_: pytest.fail("the work has begun"))
    output = tmp_path / "out" / OUTPUT_FILES[0]
    output.parent.mkdir()
    make(output)

    status, text = run(*compose_commands(files)[command](output))

    assert status == 1
    assert f"{output} {words}" in text


@pytest.mark.parametrize(
    ("output", "words"),
    [("file/results.json", "Not a directory"), ("x" * 256, "File name too long"), ("/proc/no/results.json", "No such")],
)
def test_an_unwritable_output_path_is_reported(tmp_path: Path, output: str, words: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=words), open_output(tmp_path / output, [], ".json"):
        pytest.fail("the work has begun")


def test_a_write_protected_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    (tmp_path / "results.json").touch()
    with pytest.raises(CommandError, match="write-protected"), open_output(tmp_path / "results.json", [], ".json"):
        pytest.fail("the work has begun")


@pytest.mark.parametrize("suffix", [".mp4", ".MOV", ".html"])
def test_a_file_of_another_kind_is_not_replaced(tmp_path: Path, suffix: str) -> None:
    other = tmp_path / f"other{suffix}"
    other.write_text("somebody's own")
    with pytest.raises(CommandError, match=r"is a \.json file"), open_output(other, [], ".json"):
        pytest.fail("the work has begun")


@pytest.mark.parametrize("failure", [CommandError("no"), KeyboardInterrupt(), SystemExit(143)], ids=repr)
def test_an_existing_file_stays_if_the_work_fails(tmp_path: Path, failure: BaseException) -> None:
    earlier = tmp_path / "results.json"
    earlier.write_text("earlier")

    def fail_half_way() -> None:
        with open_output(earlier, [], ".json") as output:
            output.unfinished.write_text("half")
            raise failure

    with pytest.raises(type(failure)):
        fail_half_way()

    assert earlier.read_text() == "earlier"
    assert [*tmp_path.iterdir()] == [earlier]


def test_a_file_is_replaced_once_it_is_finished_and_keeps_its_permissions(tmp_path: Path) -> None:
    earlier, other = tmp_path / "results.json", tmp_path / "results.json.part"
    earlier.write_text("earlier")
    earlier.chmod(0o640)
    other.write_text("somebody's own")

    with open_output(earlier, [], ".json") as output:
        output.unfinished.write_text("new")
        assert earlier.read_text() == "earlier"
        output.finish()

    assert earlier.read_text() == "new"
    assert stat.S_IMODE(earlier.stat().st_mode) == 0o640
    assert other.read_text() == "somebody's own"
    assert {*tmp_path.iterdir()} == {earlier, other}


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    with open_output(tmp_path / "new" / "results.json", [], ".json") as output:
        output.finish()
    assert (tmp_path / "new" / "results.json").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_symbolic_link_is_kept(tmp_path: Path) -> None:
    target, name = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("earlier")
    name.symlink_to(target)

    with open_output(name, [], ".json") as output:
        output.unfinished.write_text("new")
        output.finish()

    assert name.is_symlink()
    assert target.read_text() == "new"


def test_a_file_that_a_killed_process_has_left_is_removed_later(tmp_path: Path) -> None:
    abandoned, fresh, folder = (tmp_path / f".videoinfer-{name}.part" for name in ("abandoned", "fresh", "folder"))
    for path in (abandoned, fresh):
        path.touch()
    folder.mkdir()
    for path in (abandoned, folder):
        os.utime(path, (0, 0))

    with open_output(tmp_path / "running.json", [], ".json") as running:
        os.utime(running.unfinished, (0, 0))
        with open_output(tmp_path / "next.json", [], ".json"):
            assert {*tmp_path.iterdir()} >= {fresh, folder, running.unfinished}
            assert not abandoned.exists()
        running.finish()

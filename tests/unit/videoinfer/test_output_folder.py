"""Output folders: they replace nothing, and exist only once complete."""

import io
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from videoinfer.errors import CommandError
from videoinfer.main import app
from videoinfer.output_folder import open_output_folder


def test_a_folder_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    place = tmp_path / "new" / "dataset"
    with open_output_folder(place) as output:
        output.write("a/b.txt", b"bytes")
        output.write("c.txt", io.BytesIO(b"file"))
        assert not place.exists()
        output.finish()
    assert {path.name: path.read_bytes() for path in place.rglob("*.txt")} == {"b.txt": b"bytes", "c.txt": b"file"}
    assert [path.name for path in place.parent.iterdir()] == ["dataset"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, CommandError])
def test_a_folder_whose_work_ends_early_is_removed(tmp_path: Path, failure: type[BaseException]) -> None:
    def fail() -> None:
        with open_output_folder(tmp_path / "dataset") as output:
            output.write("a/b.txt", b"bytes")
            raise failure

    with pytest.raises(failure):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_be_the_output(tmp_path: Path) -> None:
    place = tmp_path / "dataset"
    place.mkdir()
    with open_output_folder(place) as output:
        output.write("a", b"")
        output.finish()
    assert [path.name for path in place.iterdir()] == ["a"]


def test_an_empty_folder_stays_the_same_folder(tmp_path: Path) -> None:
    """It may be a mount point, which can't be removed, or the folder in which a shell is."""
    place = tmp_path / "dataset"
    place.mkdir()
    place.chmod(0o750)
    before = place.stat()
    with open_output_folder(place) as output:
        output.write("a/b", b"")
        assert not (place / "a").exists()
        output.finish()
    assert (place.stat().st_ino, place.stat().st_mode) == (before.st_ino, before.st_mode)
    assert [path.relative_to(place).as_posix() for path in sorted(place.rglob("*"))] == ["a", "a/b"]


def test_an_empty_folder_needs_no_permission_for_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so the calls are watched instead of the permissions."""
    place = tmp_path / "dataset"
    place.mkdir()
    changed: list[Path] = []
    for name in ("mkdir", "rename", "rmdir"):
        original = getattr(Path, name)

        def watch(path: Path, *args: Any, original: Any = original, **options: Any) -> Any:
            if path != place.parent:  # mkdir(exist_ok=True) of a folder that is there changes nothing
                changed.append(path.parent)
            return original(path, *args, **options)

        monkeypatch.setattr(Path, name, watch)
    with open_output_folder(place) as output:
        output.write("a", b"")
        output.finish()
    assert changed
    assert tmp_path not in changed


@pytest.mark.parametrize("failure", [KeyboardInterrupt, CommandError])
@pytest.mark.parametrize("moment", ["write", "finish"])
def test_only_what_was_written_to_an_empty_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: type[BaseException], moment: str
) -> None:
    place = tmp_path / "dataset"
    place.mkdir()

    def fail() -> None:
        with open_output_folder(place) as output:
            output.write("a/b", b"")
            output.write("c", b"")
            if moment == "write":
                raise failure
            rename = Path.rename

            def rename_one(path: Path, target: Path) -> Path:
                if target.parent == place and any(other.name in "ac" for other in place.iterdir()):
                    raise failure
                return rename(path, target)

            monkeypatch.setattr(Path, "rename", rename_one)
            output.finish()

    with pytest.raises(failure):
        fail()
    assert [path.name for path in tmp_path.rglob("*")] == ["dataset"]


def test_an_empty_folder_that_got_files_meanwhile_keeps_only_these(tmp_path: Path) -> None:
    place = tmp_path / "dataset"
    place.mkdir()
    with open_output_folder(place) as output:
        output.write("a", b"")
        (place / "theirs").write_text("kept")
        with pytest.raises(CommandError, match="can't be written"):
            output.finish()
    assert [path.name for path in tmp_path.rglob("*")] == ["dataset", "theirs"]


def test_a_link_to_an_empty_folder_stays_a_link(tmp_path: Path) -> None:
    place, link = tmp_path / "dataset", tmp_path / "link"
    place.mkdir()
    link.symlink_to(place)
    with open_output_folder(link) as output:
        output.write("a", b"")
        output.finish()
    assert link.is_symlink()
    assert [path.name for path in place.iterdir()] == ["a"]


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(CommandError, match="is not empty: give another --output"), open_output_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_folder_that_got_files_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    place = tmp_path / "dataset"
    with open_output_folder(place) as output:
        place.mkdir()
        (place / "theirs").write_text("kept")
        with pytest.raises(CommandError, match="can't be written"):
            output.finish()
    assert [path.name for path in tmp_path.rglob("*")] == ["dataset", "theirs"]


@pytest.mark.parametrize("name", ["results.json", "clip.mp4", "link"])
def test_an_input_is_not_replaced(tmp_path: Path, video: Path, name: str) -> None:
    """Not even by another name; nor is any other file."""
    results, clip, link = (tmp_path / file for file in ("results.json", "clip.mp4", "link"))
    results.write_text('{"frame_offset": [0], "time_offset": [0], "parts": [{"predictions": []}]}')
    clip.write_bytes(video.read_bytes())
    link.symlink_to(clip)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for output in (tmp_path / name, tmp_path):
        result = CliRunner().invoke(app, ["export", str(results), str(clip), "-o", str(output)])
        assert result.exit_code == 1
        assert "give another --output" in result.output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(CommandError, match="can't be written"), open_output_folder(tmp_path / "file" / "dataset"):
        pass

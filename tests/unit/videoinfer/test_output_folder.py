"""Output folders: they replace nothing, and exist only once complete."""

import io
from pathlib import Path

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

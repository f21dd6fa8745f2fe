"""How regions are spelled for uploads and for the stack, so that they can be pasted."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.templates import read_template
from videoinfer.errors import CommandError
from videoinfer.regions import forms
from videoinfer.regions.forms import read_given_regions, read_regions, spell_regions
from videojobs.foreign_text import printable
from videojobs.jobs.regions import Region

names = st.text(min_size=1, max_size=20).filter(lambda name: printable(name) == name and name == name.strip())
VIDEO = Path("belt.mp4")


def make_line(name: str, classes: tuple[str, ...] = ()) -> Region:
    return Region(name=name, points=((0.2, 0.8), (0.7, 0.8)), is_line=True, classes=classes)


@given(names, st.lists(st.text(min_size=1, max_size=10, alphabet=st.characters(codec="utf-8")), unique=True))
@example("it's $HOME `id` \\ \" !! 安", ["'; rm -rf ~; '"])
def test_each_form_gives_the_same_regions(name: str, classes: list[str]) -> None:
    regions = (make_line(name, tuple(classes)), Region(name=f"{name}2", points=((0, 0), (1, 0), (1, 1)), is_line=False))
    spelled = spell_regions(regions, VIDEO)
    assert read_regions(spelled.json) == regions
    metadata = json.loads(spelled.upload.rpartition("--metadata ")[2].strip("'"))
    assert metadata["regions"].isascii()
    assert read_regions(metadata["regions"]) == regions
    routed = json.loads(spelled.routes)
    assert spelled.routes.isascii()
    assert read_regions(json.dumps(routed["PREFIX/"]["regions"])) == regions


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_passes_the_metadata_on_unchanged(shell: str) -> None:
    regions = (make_line("it's $HOME `id` \\ \" !! 安", ("'; exit 3; '", "x\ny")),)
    command = spell_regions(regions, Path("belt 1.mp4")).upload
    script = f'aws() {{ for word in "$@"; do printf "%s\\0" "$word"; done; }}\n{command}'
    words = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
    assert words[:-1] == ["s3", "cp", "belt 1.mp4", "s3://UPLOADS_BUCKET/belt 1.mp4", "--metadata"]
    assert read_regions(json.loads(words[-1])["regions"]) == regions


def test_a_hostile_file_name_is_not_in_the_command() -> None:
    command = spell_regions((make_line("door"),), Path("$(id)'.mp4")).upload
    assert command.startswith("aws s3 cp VIDEO s3://UPLOADS_BUCKET/VIDEO --metadata ")


def test_forms_that_are_too_long_are_said() -> None:
    assert spell_regions((make_line("door"),), VIDEO).warnings == []
    points = tuple((round(x / 100, 3), round((x % 7) / 7, 3)) for x in range(100))
    some = [Region(name=f"area {number}", points=points, is_line=False) for number in range(3)]
    [metadata] = spell_regions(some[:2], VIDEO).warnings
    assert "S3 allows 2,048 for all metadata" in metadata
    assert "use PrefixRoutes" in metadata
    assert "4,096 are allowed" in spell_regions(some, VIDEO).warnings[1]


def test_the_size_of_metadata_counts_its_name_and_its_value() -> None:
    """S3 counts the bytes of names and values, without `x-amz-meta-`."""
    value = len(json.dumps([make_line("x").to_dict()], separators=(",", ":"))) - 1
    name = "n" * (forms.METADATA_MAX_BYTES - len("regions") - value)
    assert spell_regions((make_line(name),), VIDEO).warnings == []
    assert spell_regions((make_line(name + "n"),), VIDEO).warnings != []


def test_the_limit_of_prefix_routes_is_the_template_s() -> None:
    assert read_template("pipeline")["Parameters"]["PrefixRoutes"]["MaxLength"] == forms.ROUTES_MAX_CHARACTERS


def test_given_regions_are_json_or_a_file(tmp_path: Path) -> None:
    text = '[{"name": "door", "line": [[0.2, 0.8], [0.7, 0.8]]}]'
    file = tmp_path / "regions.json"
    file.write_text(text, "utf-8-sig")
    assert read_given_regions(text) == read_given_regions(str(file)) == (make_line("door"),)


@pytest.mark.parametrize(
    ("given_text", "message"),
    [
        ("[{]", "regions: not valid JSON"),
        ("{}", "regions: a list of polygons and lines is needed."),
        ('[{"name": "x", "line": [[0, 0], [0, 2]]}]', r"regions: 'x': point 2: \[0, 2\] is not inside the frame"),
        ("missing.json", "The file missing.json does not exist."),
    ],
)
def test_what_is_wrong_with_given_regions_is_said(given_text: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        read_given_regions(given_text)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "regions.json"
    file.write_bytes(b"\xff[")
    with pytest.raises(CommandError, match="is not UTF-8"):
        read_given_regions(str(file))

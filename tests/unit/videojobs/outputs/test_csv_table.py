"""The table for spreadsheets: its encoding, and no formulas in its cells."""

import csv
import gzip
import io
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.videojobs.outputs.derived import (
    BOX,
    derive_all,
    make_job,
    read_csv,
    undisarm,
)
from videojobs.jobs.options import Model

spreadsheet_texts = st.text(st.sampled_from("=+-@\uff1d\uff20'\"\t\r\n,;|\0 a1(é"), max_size=12)


@pytest.mark.slow
@given(key=spreadsheet_texts, name=spreadsheet_texts, more=spreadsheet_texts, number=st.integers(-5, 5))
def test_no_cell_of_the_csv_is_a_formula(key: str, name: str, more: str, number: int) -> None:
    """This holds for every separator of a spreadsheet: Excel's is a semicolon in half of Europe."""
    job = make_job(Model("=1+2", "1", "object-detection"))
    job = replace(job, upload=replace(job.upload, key=key))
    found = {**BOX, "x": number, "class": name, "tracker_id": more, "detection_id": more, more: more}
    results = {"frame_offset": [0], "time_offset": [0], "=1+2": [{"predictions": [found]}]}
    files, _ = derive_all(job, json.dumps(results).encode())
    text = gzip.decompress(files.read("detections.csv.gz")).decode("utf-8-sig")
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                assert cell == str(number) or not re.match(r"[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n\0]", cell)
    [line] = read_csv(files)
    assert undisarm(line["upload_key"]) == key
    assert undisarm(line["class"]) == name
    assert undisarm(line["model_id"]) == "=1+2"
    assert json.loads(undisarm(line["extra"])) == {more: more}


def test_excel_recognizes_the_csv_s_encoding() -> None:
    files, _ = derive_all(make_job(Model("m", "1", "classification")), b'{"frame_offset":[],"time_offset":[],"m":[]}')
    assert gzip.decompress(files.read("detections.csv.gz")).startswith(b'\xef\xbb\xbf"job_id",')


@given(st.lists(st.tuples(st.none() | st.floats(allow_nan=False, allow_infinity=False), spreadsheet_texts), max_size=5))
def test_every_cell_keeps_its_value(values: list[tuple[float | None, str]]) -> None:
    found = [{"x": number, "y": 1, "class": text, "detection_id": text, "tracker_id": text} for number, text in values]
    results = {"frame_offset": [7], "time_offset": [1.4], "m": [{"predictions": found}]}
    files, _ = derive_all(make_job(Model("m", "1", "object-detection")), json.dumps(results).encode(), ["csv"])

    lines = read_csv(files)

    assert [float(line["x"]) if line["x"] else None for line in lines] == [number for number, _ in values]
    for name in ("class", "detection_id", "tracker_id"):
        assert [undisarm(line[name]) for line in lines] == [text for _, text in values]
    assert {(line["frame_offset"], line["time_offset"], line["y"], line["extra"]) for line in lines} <= {
        ("7", "1.4", "1", "")
    }


def test_texts_are_quoted_and_missing_values_are_empty() -> None:
    """So that a spreadsheet can tell a number from a text of digits."""
    found = [{"x": 1.5, "class": "5", "detection_id": "7"}, {"y": 2, "class": None, "more": [1, "a"]}]
    results = {"frame_offset": [0], "time_offset": [0], "m": [{"predictions": found}]}
    files, _ = derive_all(make_job(Model("m", "1", "object-detection")), json.dumps(results).encode(), ["csv"])

    _, *lines = gzip.decompress(files.read("detections.csv.gz")).decode().splitlines()

    assert [line.partition('"m",')[2] for line in lines] == [
        '0,0.0,,"5",,,1.5,,,,,"7",,,,,,,',
        '0,0.0,,,,,,2,,,,,,,,,,,"{""more"": [1, ""a""]}"',
    ]

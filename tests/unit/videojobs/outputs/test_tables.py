"""The tables, as other tools read them."""

import json
from pathlib import Path

import duckdb
import pandas as pd


def test_pandas_reads_the_tables(hands: Path) -> None:
    table = pd.read_parquet(hands / "detections.parquet")
    assert list(table["class"]) == ["Rock", "Rock", "Paper", "Paper"]
    assert table["confidence"].mean() == 0.5
    assert [point["y"] for point in table["points"][0]] == [17.5, 17.5, 23.5]
    assert list(table["tracker_id"])[:1] == ["3"]
    assert pd.isna(table["x"][1])
    assert [json.loads(text) for text in table["extra"][:2]] == [{"mood": "good"}, {"x": "left"}]
    lines = pd.read_csv(hands / "detections.csv.gz")
    assert list(lines.columns) == list(table.columns)
    assert len(lines) == len(table)


def test_duckdb_reads_the_tables(hands: Path) -> None:
    query = f"SELECT class, count(*), max(len(points)) FROM '{hands}/detections.parquet' GROUP BY class ORDER BY class"  # noqa: S608
    assert duckdb.execute(query).fetchall() == [("Paper", 2, None), ("Rock", 2, 3)]
    query = f"SELECT frame_offset, failed, predictions, image_width FROM '{hands}/frames.parquet'"  # noqa: S608
    assert duckdb.execute(query).fetchall() == [
        (0, False, 2, 640),
        (5, False, 1, 640),
        (10, True, 0, None),
        (15, False, 1, 640),
    ]

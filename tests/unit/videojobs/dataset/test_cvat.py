"""CVAT for video."""

from pathlib import Path

from tests.unit.videojobs.dataset.written import BOX, LABELS, MASK, PICTURE, POSE, export, export_models


def test_a_track_of_cvat_is_hidden_where_its_object_is_not_detected(tmp_path: Path) -> None:
    seen, empty = {**PICTURE, "predictions": [{**BOX, "tracker_id": 7}]}, {**PICTURE, "predictions": []}
    sink, _ = export(tmp_path, seen, seen, empty, empty, seen, empty, formats=["cvat"])
    root = sink.read_xml("cvat/annotations.xml")
    [track] = root.findall("track")
    assert track.get("label") == "Rock"
    shapes = [(box.get("frame"), box.get("outside")) for box in track.findall("box")]
    assert shapes == [("0", "0"), ("1", "0"), ("2", "1"), ("4", "0"), ("5", "1")]
    assert all(box.get("keyframe") == "1" for box in track.findall("box"))
    first = track.find("box")
    assert first is not None
    assert [first.get(side) for side in ("xtl", "ytl", "xbr", "ybr")] == ["80.00", "70.00", "120.00", "90.00"]
    assert {entry.get("name"): entry.text for entry in first} == {"score": "0.75", "track": "7"}
    assert [root.findtext(f"meta/task/{name}") for name in ("size", "stop_frame", "mode")] == [
        "6",
        "5",
        "interpolation",
    ]


def test_tracks_of_cvat_have_one_class_and_one_shape_a_frame(tmp_path: Path) -> None:
    """A track's class may change, and an API's own tracker may give two objects of a frame one number."""
    tracked = {**BOX, "tracker_id": 7}
    elements = [
        [tracked],
        [{**tracked, "class": "Paper"}],
        [tracked, {**tracked, "x": 200.0}],
        [{**BOX, "confidence": 0.1}],
    ]
    sink, _ = export(tmp_path, *({**PICTURE, "predictions": found} for found in elements), formats=["cvat"])
    tracks = sink.read_xml("cvat/annotations.xml").findall("track")
    shown = [[box.get("frame") for box in track if box.get("outside") == "0"] for track in tracks]
    assert sum(map(len, shown)) == 5
    assert all(len(set(frames)) == len(frames) for frames in shown)
    assert [track.get("label") for track in tracks[:2]] == ["Rock", "Paper"]
    assert shown[:2] == [["0", "2"], ["1"]]
    assert [track.get("id") for track in tracks] == list(map(str, range(len(tracks))))


def test_cvat_has_polygons_and_skeletons(tmp_path: Path) -> None:
    models = {"masks": [{**PICTURE, "predictions": [MASK]}], "pose": [{**PICTURE, "predictions": [POSE]}]}
    sink, counts = export_models(tmp_path, {**models, "day or night": [LABELS]}, formats=["cvat"])
    assert counts.left_out == {"cvat": {"labels of a whole frame": 1}}
    root = sink.read_xml("cvat/annotations.xml")
    [polygon], [skeleton] = root.findall("track/polygon"), root.findall("track/skeleton")
    assert polygon.get("points") == "80.00,70.00;120.00,70.00;120.00,90.00"
    points = {point.get("label"): (point.get("points"), point.get("outside")) for point in skeleton.findall("points")}
    assert points == {"nose": ("90.00,75.00", "0"), "1": ("100.00,80.00", "1"), "tail": ("110.00,85.00", "0")}
    kinds = {label.findtext("name"): (label.findtext("type"), label.findtext("parent")) for label in root.iter("label")}
    assert kinds == {
        "Rock (masks)": ("polygon", None),
        "Rock (pose)": ("skeleton", None),
        "nose": ("points", "Rock (pose)"),
        "1": ("points", "Rock (pose)"),
        "tail": ("points", "Rock (pose)"),
        "day": ("any", None),
    }

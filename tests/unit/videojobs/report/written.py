"""Reports that are written in memory and read again."""

import base64
import gzip
import io
import json
import re
from typing import Any

from tests.frames import make_frames
from videojobs.report.writer import ReportFacts, ReportWriter

FACTS = ReportFacts("belt.mp4", "video", share_url="https://api.example")


def make_box(name: str, confidence: float, **more: Any) -> dict[str, Any]:
    return {"x": 10.04, "y": 20, "width": 3.0, "height": 4.0, "confidence": confidence, "class": name, **more}


def write(elements: list[Any], **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """Writes a report; returns its index, its pieces in order, and the page."""
    with ReportWriter() as writer:
        writer.add_model("parts", "object-detection")
        numbers = range(len(elements))
        writer.add(
            make_frames("parts", elements, [6 * number for number in numbers], [number / 5 for number in numbers])
        )
        report = writer.finish(FACTS, **options)
        file = io.BytesIO()
        report.write_page(file)
        pieces = [content for _, content in report.pieces()]
    page = file.getvalue().decode()
    data = dict(re.findall(r'<script type="application/gzip" data-name="([^"]+)">([^<]*)</script>', page))
    decoded = {name: json.loads(gzip.decompress(base64.b64decode(content))) for name, content in data.items()}
    index = decoded.pop("index")
    return index, [*decoded.values(), *(json.loads(gzip.decompress(piece)) for piece in pieces)], page

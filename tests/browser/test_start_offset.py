"""The report draws each picture's own detections, however late the player shows the first picture."""

import bisect
import io
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import OpenReport
from tests.browser.pages import ReportPage, wait_for_width
from tests.browser.results import BLUE, make_box, make_element
from tests.browser.shared_site import SharedSite, share_folder
from tests.conftest import OpenPage
from tests.frames import make_frames
from tests.stand_ins.videos import HEIGHT, WIDTH, VideoSpec, make_video
from tests.waiting import wait_for_value, wait_until
from videoengine.segments import select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video
from videojobs.report.writer import ReportFacts, ReportWriter

WEBM = VideoSpec("webm", "libvpx", options={"deadline": "realtime", "cpu-used": "8"})
TWO_SECONDS_LATE = [2000 + 40 * number for number in range(60)]
PART_OF_A_STREAM = [100_023 + 40 * number for number in range(60)]
VIDEOS = {
    "MP4": VideoSpec(),
    "MP4 without an edit list": VideoSpec(container_options={"use_editlist": "0"}),
    "MP4 whose sound begins before": VideoSpec(timestamps=TWO_SECONDS_LATE, audio=True),
    "MP4 that is a part of a stream": VideoSpec(timestamps=PART_OF_A_STREAM),
    "MP4 in fragments": VideoSpec(container_options={"movflags": "frag_keyframe+empty_moov"}),
    "MOV whose sound begins before": VideoSpec("mov", timestamps=TWO_SECONDS_LATE, audio=True),
    "MKV whose sound begins before": VideoSpec("matroska", timestamps=TWO_SECONDS_LATE, audio=True),
    "MKV that is a part of a stream": VideoSpec("matroska", timestamps=PART_OF_A_STREAM),
    "WebM that begins later": replace(WEBM, timestamps=TWO_SECONDS_LATE),
}
"""All accepted videos that Chromium plays, so not AVI."""


def sample_all(video: bytes) -> tuple[dict[str, Any], float]:
    """Results of every frame, whose box is as far right as the frame's number; and the video's start in seconds."""
    with open_video(io.BytesIO(video)) as container:
        timeline = read_timeline(container)
    frames = select_frames(timeline, timeline.frame_rate)
    elements = [make_element([make_box("Rock", 4 + number, 5, 3, 3)], WIDTH, HEIGHT) for number in range(len(frames))]
    results = {
        "frame_offset": [frame.frame_offset for frame in frames],
        "time_offset": [frame.time_offset for frame in frames],
        "parts": elements,
    }
    return results, timeline.start_offset


def find_picture(report: ReportPage) -> int:
    """The number of the picture that Chromium shows, from its brightness."""
    shown = Image.open(io.BytesIO(report.page.locator("#stage").screenshot())).convert("L")
    gray = shown.getpixel((shown.width // 2, shown.height * 3 // 4))
    assert isinstance(gray, int)
    return (gray - 20 + 1) // 2  # encoding makes some pictures one level darker


def wait_for_frame(report: ReportPage, *numbers: int) -> int:
    """Waits until the video shows one of these frames, and the page draws its boxes. Returns its number."""
    wait_until(lambda: find_picture(report) == report.frame_number() in numbers)
    return report.frame_number()


@pytest.mark.parametrize("spec", VIDEOS.values(), ids=VIDEOS)
def test_the_boxes_belong_to_the_shown_picture(spec: VideoSpec, open_report: OpenReport, tmp_path: Path) -> None:
    video = tmp_path / f"clip.{ {'matroska': 'mkv'}.get(spec.format, spec.format) }"
    video.write_bytes(make_video(spec))
    results, start = sample_all(video.read_bytes())
    report = open_report(results, video=video)
    report.wait_for_video()
    report.page.locator("#names").uncheck()
    wait_for_frame(report, 0)

    for seconds in (0.0, 0.101, 0.5, 1.001, 1.9, 2.3):
        report.seek(start + seconds)
        number = bisect.bisect(results["time_offset"], seconds) - 1
        # Chromium seeks to a keyframe by when it is decoded, which may be two frames before it is shown.
        shown = wait_for_frame(report, number, number + 1, number + 2)
        left, _, right, _ = report.wait_for_color(BLUE, (WIDTH, HEIGHT))
        assert (left + right) / 2 == pytest.approx(4 + shown, abs=1)


def share_unknown(site: SharedSite, video: bytes) -> str:
    """Shares a report as it is delivered if the API returns no start offset."""
    results, _ = sample_all(video)
    (site.folder / "video.mp4").write_bytes(video)
    with ReportWriter() as writer, (site.folder / "report.html").open("wb") as page:
        writer.add_model("parts", "object-detection")
        writer.add(make_frames("parts", results["parts"], results["frame_offset"], results["time_offset"]))
        facts = ReportFacts("belt.mp4", "video.mp4", share_url=site.url.removesuffix("/s/token"))
        writer.finish(facts, inline_max_bytes=None).write_page(page)
    return f"{site.url}/report.html"


LATE_MP4 = VIDEOS["MP4 whose sound begins before"]


def test_without_a_start_offset_the_browser_measures_it(tmp_path: Path, open_page: OpenPage) -> None:
    with share_folder(tmp_path) as site:
        report = ReportPage(open_page(share_unknown(site, make_video(LATE_MP4))))
        report.wait_for_video()
        wait_for_frame(report, 0)
        for seconds in (0.0, 0.101, 1.001, 2.3):
            report.seek(seconds)
            wait_for_frame(report, int(seconds / 0.04))
        expect(report.page.locator("#duration")).to_have_text("0:02")


PHONE = {"width": 360, "height": 740}


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE], ids=["desktop", "phone"])
def test_the_time_of_day_stands_beside_the_position(tmp_path: Path, open_page: OpenPage, viewport: Any) -> None:
    video = make_video(LATE_MP4)
    results, start = sample_all(video)
    (tmp_path / "video.mp4").write_bytes(video)
    begun = datetime.fromisoformat("2026-11-28T23:59:58.500+01:00")
    with ReportWriter(start) as writer, (tmp_path / "report.html").open("wb") as page:
        writer.add_model("parts", "object-detection")
        writer.add(make_frames("parts", results["parts"], results["frame_offset"], results["time_offset"]))
        facts = ReportFacts("belt.mp4", "video.mp4", recorded_at=begun)
        writer.finish(facts, inline_max_bytes=None).write_page(page)
    report = ReportPage(open_page((tmp_path / "report.html").as_uri(), viewport=viewport))
    report.wait_for_video()

    for seconds, moment in ((0.0, "23:59:58"), (1.001, "23:59:59"), (1.9, "2026-11-29 00:00:00")):
        report.seek(start + seconds)
        expect(report.page.locator("#moment")).to_have_text(moment)
        position = f"0:0{int(start + seconds)} of 0:04, {moment}"
        expect(report.page.locator("#scrubber")).to_have_attribute("aria-valuetext", position)
    wait_for_width(report.page, viewport["width"])


def test_without_a_time_of_day_only_the_position_is_shown(open_report: OpenReport, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(make_video(VideoSpec()))
    report = open_report(sample_all(video.read_bytes())[0], video=video)
    report.wait_for_video()
    expect(report.page.locator("#moment")).to_have_text("")
    expect(report.page.locator("#moment")).to_be_hidden()


def test_the_start_of_a_chosen_copy_is_measured_again(open_report: OpenReport, tmp_path: Path) -> None:
    video, copy = tmp_path / "clip.mp4", tmp_path / "copy.mp4"
    video.write_bytes(make_video(LATE_MP4))
    copy.write_bytes(make_video(replace(LATE_MP4, timestamps=[40 * number for number in range(60)])))
    report = open_report(sample_all(video.read_bytes())[0], video=video)
    report.wait_for_video()
    report.seek(3.001)
    report.page.locator("#pick").set_input_files(copy)
    report.page.wait_for_function("() => Math.abs(document.querySelector('#video').currentTime - 1) < 0.01")
    report.wait_for_video()
    wait_for_frame(report, 25)

    report.seek(2.501)
    wait_for_frame(report, 12)


AS_LONG_AS_THE_PICTURES = """
() => {
  const video = document.querySelector('#video');
  Object.defineProperty(video, 'duration', { get: () => 2.4 });
  video.dispatchEvent(new Event('durationchange'));
}
"""
"""What Chromium first reports about a video that begins late: the pictures' length only, for a short video only
briefly.
"""


def test_results_behind_the_length_that_chromium_guesses_are_on_the_page(
    open_report: OpenReport, tmp_path: Path
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(make_video(VIDEOS["MP4 that is a part of a stream"]))
    report = open_report(sample_all(video.read_bytes())[0], video=video)
    report.wait_for_video()
    report.page.evaluate(AS_LONG_AS_THE_PICTURES)
    expect(report.page.locator("#duration")).to_have_text("1:42")
    wait_for_value(lambda: [height > 0 for height in report.read_lane("Rock")[-2:]], [False, True])

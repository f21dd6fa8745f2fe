"""Time zones by name."""

import zoneinfo

import pytest

from videojobs.jobs.time_zones import parse_zone


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+5", "America/Port-au-Prince"]
)
def test_a_zone_is_found_by_its_name(name: str) -> None:
    zone = parse_zone(name)
    assert zone is not None
    assert zone.key == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Europe",
        "Europe/Bonn",
        "Berlin",
        "../UTC",
        "/etc/passwd",
        "UTC\0",
        "é",
        "a" * 300,
        "posixrules/x",
        ".",
        "localtime",
        "Factory",
    ],
)
def test_other_texts_name_no_zone(name: str) -> None:
    assert parse_zone(name) is None


def test_zones_need_no_file_of_the_system() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    zoneinfo.reset_tzpath(())
    try:
        assert parse_zone("Pacific/Chatham") is not None
    finally:
        zoneinfo.reset_tzpath()

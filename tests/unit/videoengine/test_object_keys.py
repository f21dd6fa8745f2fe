"""Keys in the videos bucket: what clients may name is separate from what the engine writes."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from videoengine.object_keys import frames_key, is_upload_key, part_key, results_key, upload_key, video_key

uploads = st.uuids().map(str)
names = st.text(max_size=300)


@given(uploads, names.filter(bool))
def test_an_upload_s_key_is_recognized_and_stays_in_its_folder(upload_id: str, name: str) -> None:
    key = upload_key(upload_id, name)
    assert is_upload_key(key)
    assert key.count("/") == 2
    assert UUID(key.split("/")[1]) == UUID(upload_id)


@given(uploads, st.integers(0, 99_999), st.sampled_from(["hands", "my.hands", "a_b"]))
def test_no_key_of_a_job_is_mistaken_for_an_upload(job_id: str, segment: int, model_id: str) -> None:
    keys = {video_key(job_id), frames_key(job_id), part_key(job_id, segment, model_id), results_key(job_id)}
    assert len(keys) == 4
    assert not any(is_upload_key(key) for key in keys)
    assert all(key.startswith(f"jobs/{job_id}/") for key in keys)


def test_keys_of_parts_sort_by_number() -> None:
    keys = [part_key("a", number, "hands") for number in range(0, 100_000, 7)]
    assert keys == sorted(keys)

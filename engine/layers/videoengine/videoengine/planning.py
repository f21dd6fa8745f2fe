"""The second step of a job: finds the video's frames and cuts them into segments."""

import json
from collections.abc import Sequence

from av.container import InputContainer

from videoengine import clients
from videoengine.clock_jumps import describe_jumps, measure_seconds
from videoengine.cut_off import check_cut
from videoengine.errors import JobFailed
from videoengine.job_requests import OFFSET_KEYS
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.lost_times import describe_lost_times
from videoengine.media_skipping import MediaSkipper
from videoengine.object_keys import frames_key, offsets_key
from videoengine.s3_file import S3Object
from videoengine.segment_files import encode_segments
from videoengine.segments import SampledFrame, are_short, cut_segments, order_by_work, select_frames
from videoengine.settings import PlanSettings
from videoengine.shares import Effort
from videoengine.steps import Outcome
from videoengine.timeline import find_video_stream, read_timeline
from videoengine.video_file import open_video


def plan(job: JobSpec, settings: PlanSettings) -> Outcome:
    """Writes the segments' frames.

    Returns:
        The outcome, with the segments' numbers in the order to start them, whether they are short, the start offset,
        and a note for the owner.

    Raises:
        JobFailed: the file is not a video or cut off, it exceeds a limit, or its frame rate is lower than `infer_fps`.
    """
    bucket = settings.videos_bucket
    with (
        S3Object(clients.s3(), bucket, job.video_key, etag=job.video_etag) as file,
        MediaSkipper(file) as skipper,
        open_video(skipper, settings.max_frame_pixels) as container,
    ):
        pixels = _check_frame_size(container, settings.max_frame_pixels)
        timeline = read_timeline(container, skipper)
        cut = check_cut(container, file, timeline, settings.max_failed_share)
        notes = [cut or describe_lost_times(container, timeline), describe_jumps(timeline)]
    _check_duration(measure_seconds(timeline), settings.max_video_hours)
    effort = Effort.estimate(pixels, len(job.models), job.infer_seconds)
    frames = select_frames(timeline, job.infer_fps, settings.max_sampled_frames)
    segments = cut_segments(frames, timeline, effort, settings.max_concurrency)
    s3 = clients.s3()
    s3.put_object(Bucket=bucket, Key=frames_key(job.job_id), Body=encode_segments(segments))
    s3.put_object(Bucket=bucket, Key=offsets_key(job.job_id), Body=_encode_offsets(frames))
    logger.info("Planned", frames=len(timeline.timestamps), segments=len(segments))
    return {
        "segments": order_by_work(segments, timeline, effort),
        "is_short": are_short(segments, timeline, effort),
        "start_offset": timeline.start_offset,
        "note": ". ".join(filter(None, notes)),
    }


def _encode_offsets(frames: Sequence[SampledFrame]) -> bytes:
    """The beginning of the results, so that merging does not read all segments."""
    columns = {key: [getattr(frame, key) for frame in frames] for key in OFFSET_KEYS}
    return json.dumps(columns)[1:-1].encode()


def _check_frame_size(container: InputContainer, max_pixels: int) -> int:
    picture = find_video_stream(container).codec_context
    pixels = picture.width * picture.height
    if pixels > max_pixels:
        raise JobFailed(
            f"The video's frames of {picture.width} x {picture.height} are larger than this engine's limit of "
            f"{max_pixels} pixels"
        )
    return pixels


def _check_duration(seconds: float, max_hours: float) -> None:
    hours = seconds / 3600
    if hours > max_hours:
        raise JobFailed(f"The video's {hours:.3g} hours are more than this engine's limit of {max_hours:g}")

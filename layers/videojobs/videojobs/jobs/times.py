"""Formats times and durations for people."""

from videojobs.jobs.ledger import VIDEO_SECONDS_MAX, Job


def format_place(job: Job, time_offset: float) -> str:
    """Formats a time in the video: the time of day if it is known, with the date if that has changed since the video's
    beginning, or else the player's time.
    """
    begun, time = job.clock_time(0.0), job.clock_time(time_offset)
    if begun is None or time is None:
        return format_clock(job.place(time_offset))
    return f"{time:%H:%M:%S}" if time.date() == begun.date() else f"{time:%Y-%m-%d %H:%M:%S}"


def format_clock(seconds: float) -> str:
    """Formats a time as players show it: 0:07, 12:30, 1:02:03."""
    if seconds > VIDEO_SECONDS_MAX:
        return "(invalid time)"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_duration(seconds: int) -> str:
    """Formats a duration: 42 s, 3 min 5 s, 2 h 0 min."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

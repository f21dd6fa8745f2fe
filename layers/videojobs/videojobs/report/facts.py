"""The facts in the header of a report."""

from collections.abc import Mapping
from datetime import datetime

from videojobs.jobs.recorded_at import format_moment


def list_facts(
    models: Mapping[str, str | None],
    frames: int | None,
    *,
    recorded_at: datetime | None = None,
    inferred_at: datetime | None = None,
    api_cost_usd: float | None = None,
) -> list[tuple[str, str]]:
    """Returns labels and texts of what is known. The page adds the video's size, length and frame rate.

    Args:
        models: The models' versions, or None where unknown, by their IDs.
        frames: The number of sampled frames, if they could be counted.
        inferred_at: In UTC.
        api_cost_usd: What the API says that the inference cost.
    """
    named = (f"{name} version {version}" if version else name for name, version in models.items())
    facts = [
        ("Recorded", recorded_at and format_moment(recorded_at)),
        ("Inferred", inferred_at and f"{inferred_at:%Y-%m-%d %H:%M} UTC"),
        ("Model" if len(models) == 1 else "Models", ", ".join(named)),
        ("Sampled frames", None if frames is None else f"{frames:,}"),
        ("Cost", None if api_cost_usd is None else f"${api_cost_usd:.4f} for the inference"),
    ]
    return [(label, text) for label, text in facts if text]

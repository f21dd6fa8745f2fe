"""Notices: what a person reads in the mail. Composed here as plain text, published by SNS once a job."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from videojobs.foreign_text import printable
from videojobs.jobs.commands import compose_retry_command, name_for_command, suggest_remedy
from videojobs.jobs.costs import PRICES_AS_OF, PRICES_REGION
from videojobs.jobs.ledger import VIDEO_SECONDS_MAX, Job
from videojobs.jobs.options import Model
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.uploads import Rejection, Upload
from videojobs.notices.share_links import ShareLink
from videojobs.outputs.summary import ClassSummary, ModelSummary, Summary

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT_MAX_CHARACTERS = 99
"""SNS takes ASCII subjects of fewer than 100 characters, without line breaks."""

CONSOLE_HOSTS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""The AWS console's host by partition; the region comes before it.

Sources: https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html,
https://docs.amazonaws.cn/en_us/AmazonS3/latest/userguide/creating-bucket.html,
https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/configure-account.html
"""

VALUE_MAX_CHARACTERS = 5_000
"""Of one fact: more than the console's URL of a key of 1,024 bytes has."""

NAME_MAX_CHARACTERS = 100
"""Of the name of a class."""

TABLES_MAX_BYTES = 60_000
"""Of all lists of classes together: the most frequent ones are in them. What there is besides is less than as much."""

LINE_BYTES = 100
"""What follows a class's name, at most in bytes for a video of a year."""

MESSAGE_MAX_BYTES = 250_000
"""SNS takes 256 KB, of which some are the subject's and the attribute's.
Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

_PRICES = f"at {PRICES_REGION}'s prices of {PRICES_AS_OF}"


@dataclass(frozen=True)
class Notice:
    """A mail: `outcome` travels as a message attribute, for subscriptions that filter."""

    outcome: Literal["done", "failed", "cancelled", "rejected", "annotated", "not-annotated"]
    subject: str
    message: str


def compose_done(
    job: Job,
    summary: Summary | None,
    *,
    age_seconds: int,
    polls: int,
    cost_usd: float,
    share_link: ShareLink,
    results_uri: str,
    console_url: str,
    failed_outputs: Mapping[str, str],
) -> Notice:
    """The notice of a job whose results are in S3; `failed_outputs` says of each output that is not why."""
    frames = f"{summary.frames:,} ({job.options.infer_fps} a second)" if summary else "(they could not be counted)"
    facts = [
        ("Video", job.upload.uri),
        ("Look", share_link.url),
        ("", f"for whoever has this link, until {share_link.expires_at:%Y-%m-%d %H:%M} UTC"),
        *_describe_models(job.options.models),
        ("Frames", frames),
        ("Took", f"{format_duration(age_seconds)}, {polls} {'poll' if polls == 1 else 'polls'}"),
        ("Cost", f"${cost_usd:.4f} on AWS, {_PRICES}"),
        ("Results", results_uri),
        ("Console", console_url),
        ("Job", job.job_id),
    ]
    if job.options.annotate:
        facts.append(("Drawn", "the annotated video follows, with a notice of its own"))
    paragraphs = [_format_facts(facts)]
    if failed_outputs:
        paragraphs.append(_describe_failed_outputs(job, failed_outputs))
    models = summary.models if summary else {}
    paragraphs += (
        _format_counts(job, model_id, model, TABLES_MAX_BYTES // len(models)) for model_id, model in models.items()
    )
    return Notice("done", _compose_subject("Done", job.upload.key), "\n\n".join(paragraphs))


def compose_stored(job: Job, reason: str, *, results_uri: str, failed_outputs: Mapping[str, str]) -> Notice:
    """The notice of a job whose results are in S3, but whose delivery ended early for `reason`."""
    facts = [("Video", job.upload.uri), ("Results", results_uri), ("Reason", reason), ("Job", job.job_id)]
    paragraphs = [_format_facts(facts), _describe_failed_outputs(job, failed_outputs)]
    return Notice("done", _compose_subject("Done", job.upload.key), "\n\n".join(paragraphs))


def describe_left_out_sounds(count: int) -> str:
    """What an annotated video lacks."""
    sounds = "A sound of the video is" if count == 1 else f"{count} sounds of the video are"
    return f"{sounds} left out: MP4 can't have it, or its codec is unknown."


def compose_annotated(
    job: Job,
    url: str,
    expires_at: datetime,
    uri: str,
    *,
    cost_usd: float,
    job_cost_usd: float,
    left_out_sounds: int = 0,
) -> Notice:
    """The notice of an annotated video that is in S3, and that `url` plays."""
    facts = [
        ("Video", job.upload.uri),
        ("Watch", url),
        ("", f"for whoever has this link, until {expires_at:%Y-%m-%d %H:%M} UTC"),
        ("Drawn", uri),
        ("Cost", f"${cost_usd:.4f} on AWS, ${job_cost_usd:.4f} with the rest of the job, {_PRICES}"),
        ("Job", job.job_id),
    ]
    if left_out_sounds:
        facts.append(("Sound", describe_left_out_sounds(left_out_sounds)))
    return Notice("annotated", _compose_subject("Annotated", job.upload.key), _format_facts(facts))


def compose_missing_annotation(job: Job, reason: str) -> Notice:
    """The notice of results that are in S3, but not drawn on their video."""
    facts = [("Video", job.upload.uri), ("Reason", reason), ("Job", job.job_id)]
    message = (
        f"{_format_facts(facts)}\n\n"
        "The results are delivered, as an earlier notice says; only the annotated video is missing. "
        f"To try it again, without asking the API again, run:\n\n  videoinfer redeliver {name_for_command(job)}"
    )
    return Notice("not-annotated", _compose_subject("Not annotated", job.upload.key), message)


def compose_failure(job: Job, reason: str, *, age_seconds: int, api_failed: bool) -> Notice:
    """The notice of a job that has no results.

    Args:
        api_failed: The API said that the job failed, so only another job helps. Otherwise it may have the results.
    """
    retry = (
        "To try the video that is in the bucket again, as a new job that is billed, run:\n\n"
        f"  videoinfer retry {name_for_command(job)}\n\n"
        "With the AWS CLI alone, which makes a new version of it:\n\n"
        f"  {compose_retry_command(job.upload)}\n\n"
        "To change an option on the way, add to that for example:\n\n"
        "  --metadata-directive REPLACE --metadata infer-fps=5"
    )
    if api_failed:
        first = (
            "The API says that the job failed. To put a mended video in place of this one:\n\n"
            f"  {suggest_remedy(job.upload)}"
        )
    else:
        first = (
            "The API may have the results. This asks the API again, which bills nothing:\n\n"
            f"  videoinfer redeliver {name_for_command(job)}"
        )
    message = f"{_describe_end(job, reason, age_seconds)}\n\n{first}\n\n{retry}"
    return Notice("failed", _compose_subject("Failed", job.upload.key), message)


def compose_cancellation(job: Job, reason: str, *, age_seconds: int) -> Notice:
    """The notice of a job that a person cancelled."""
    words = (
        "The API has no call that cancels: it finishes the job and bills all of it.\n\n"
        "To have its results after all, which bills nothing more, run once it has finished:\n\n"
        f"  videoinfer redeliver {name_for_command(job)}\n\n"
        "The video is still in the bucket. To try it again, as a new job that is billed, run:\n\n"
        f"  videoinfer retry {name_for_command(job)}"
    )
    message = f"{_describe_end(job, reason, age_seconds)}\n\n{words}"
    return Notice("cancelled", _compose_subject("Cancelled", job.upload.key), message)


def compose_cancelled_upload(upload: Upload, reason: str) -> Notice:
    """The notice of an upload that a person cancelled before a job of it was waited for."""
    facts = _format_facts([("Video", upload.uri), ("Reason", reason)])
    retry = f"The video is still in the bucket. To make a job of it, run:\n\n  videoinfer retry {upload.upload_id}"
    return Notice("cancelled", _compose_subject("Cancelled", upload.key), f"{facts}\n\n{retry}")


def compose_late_done(job: Job, reason: str, *, age_seconds: int) -> Notice:
    """The notice of a job whose results are in S3, but whose own notice could not be sent."""
    facts = [("Video", job.upload.uri), ("Took", format_duration(age_seconds)), ("Reason", reason), ("Job", job.job_id)]
    message = (
        f"{_format_facts(facts)}\n\n"
        "The results are delivered, but the notice with the details could not be sent. To send it, run:\n\n"
        f"  videoinfer redeliver {name_for_command(job)}"
    )
    return Notice("done", _compose_subject("Done", job.upload.key), message)


def compose_rejection(upload: Upload, rejection: Rejection, unanswered: Unanswered) -> Notice:
    """The notice of an upload that does not become a job."""
    facts = _format_facts([("Video", upload.uri), ("Reason", rejection.reason)])
    bill = unanswered.describe() or "No job was created, so nothing was billed."
    message = f"{facts}\n\n{bill} Next, run:\n\n  {rejection.remedy}"
    return Notice("rejected", _compose_subject("Rejected", upload.key), message)


def mention_unanswered(notice: Notice, unanswered: Unanswered) -> Notice:
    """`notice`, and what there is to say of calls that may have made a further job."""
    words = unanswered.describe()
    return replace(notice, message=f"{notice.message}\n\n{words}") if words else notice


def compose_console_url(partition: str, region: str, bucket: str, key: str) -> str:
    """The address at which the AWS console shows one object."""
    host = f"{region}.{CONSOLE_HOSTS.get(partition, CONSOLE_HOSTS['aws'])}"
    return f"https://{host}/s3/object/{bucket}?region={region}&prefix={quote(key, safe='')}"


def format_duration(seconds: int) -> str:
    """`seconds` as a person says it: 42 s, 3 min 5 s, 2 h 0 min."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class NoticesTopic:
    """The SNS topic that people subscribe to."""

    def __init__(self, sns: "SNSClient", topic_arn: str) -> None:
        self._sns = sns
        self._topic_arn = topic_arn

    @property
    def partition(self) -> str:
        return self._topic_arn.split(":")[1]

    @property
    def region(self) -> str:
        return self._topic_arn.split(":")[3]

    def publish(self, notice: Notice) -> str:
        """Publishes and returns SNS's message id."""
        answer = self._sns.publish(
            TopicArn=self._topic_arn,
            Subject=notice.subject,
            Message=_cut(notice.message),
            MessageAttributes={"outcome": {"DataType": "String", "StringValue": notice.outcome}},
        )
        return answer["MessageId"]


def _cut(message: str) -> str:
    content = message.encode()
    if len(content) <= MESSAGE_MAX_BYTES:
        return message
    return content[:MESSAGE_MAX_BYTES].decode(errors="ignore") + "\n\n(The rest is too long for a notice.)"


def _compose_subject(outcome: str, key: str) -> str:
    name = "".join(character if " " <= character <= "~" else "?" for character in key)
    subject = f"{outcome}: {name}"
    overflow = len(subject) - SUBJECT_MAX_CHARACTERS
    return f"{outcome}: ...{name[overflow + 3 :]}" if overflow > 0 else subject


def _describe_end(job: Job, reason: str, age_seconds: int) -> str:
    facts = [
        ("Video", job.upload.uri),
        *_describe_models(job.options.models),
        ("Reason", reason),
        ("After", format_duration(age_seconds)),
        ("Job", job.job_id),
    ]
    return _format_facts(facts)


def _describe_models(models: Sequence[Model]) -> list[tuple[str, str]]:
    labels = ["Models"] + [""] * (len(models) - 1)
    return [
        (label, f"{model.model_id} version {model.model_version} ({model.inference_type})")
        for label, model in zip(labels, models, strict=True)
    ]


def _format_facts(facts: Sequence[tuple[str, str]]) -> str:
    """A line a fact, whatever its value holds: a line break in it would begin a line that looks like another fact."""
    return "\n".join(f"{name:<9}{printable(value, VALUE_MAX_CHARACTERS)}" for name, value in facts)


def _describe_failed_outputs(job: Job, failed_outputs: Mapping[str, str]) -> str:
    """What is missing and why, and how to try it again."""
    lines = [f"  {name}: {printable(reason)}" for name, reason in failed_outputs.items()]
    again = f"To make them again, without asking the API again, run:\n\n  videoinfer redeliver {name_for_command(job)}"
    return "\n".join(["Missing, while the results themselves are there:", *lines]) + f"\n\n{again}"


def _format_counts(job: Job, model_id: str, model: ModelSummary, max_bytes: int) -> str:
    found = [(_show_name(name), entry) for name, entry in model.most_common()]
    shown = list(_take(found, max_bytes))
    width = max((len(name) for name, _ in shown), default=0)
    lines = [f"{_show_name(model_id)} found"]
    lines += [f"  {name:<{width}}  {entry.count:>9,}  {_describe_class(job, entry)}" for name, entry in shown]
    if rest := found[len(shown) :]:
        predictions = sum(entry.count for _, entry in rest)
        lines.append(f"  and {predictions:,} more of {len(rest):,} other classes, which are in summary.json")
    if model.embeddings:
        lines.append(f"  {model.embeddings:,} embeddings")
    elif not model.classes:
        lines.append("  (nothing)")
    if model.failed_frames:
        lines.append(
            f"  It could not do {model.failed_frames:,} of {model.frames:,} frames ({model.failed_share:.1%})."
        )
    return "\n".join(lines)


def _take(found: Sequence[tuple[str, ClassSummary]], max_bytes: int) -> Iterator[tuple[str, ClassSummary]]:
    """The first classes, as many as have room; each line is as wide as the widest name."""
    width = 0
    for number, (name, entry) in enumerate(found, start=1):
        width = max(width, len(name.encode()))
        if number * (width + LINE_BYTES) > max_bytes:
            return
        yield name, entry


def _show_name(name: str) -> str:
    """A name with single spaces: with more, it could look like one of the facts above."""
    return printable(" ".join(name.split()), NAME_MAX_CHARACTERS)


def _describe_class(job: Job, entry: ClassSummary) -> str:
    """Where in the video a player has it, the most at once, and how sure the model was."""
    first, last, peak_at = (_format_clock(job.place(at)) for at in (entry.first_seen, entry.last_seen, entry.peak_at))
    seen = f"{first} to {last}"
    peak = f", {entry.peak:,} at once at {peak_at}" if entry.peak > 1 else ""
    mean = f", confidence {entry.mean_confidence:.2f}" if entry.mean_confidence is not None else ""
    return f"{seen}{peak}{mean}"


def _format_clock(seconds: float) -> str:
    """A place in a video, as players show it: 0:07, 12:30, 1:02:03."""
    if seconds > VIDEO_SECONDS_MAX:
        return "(no time of a video)"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

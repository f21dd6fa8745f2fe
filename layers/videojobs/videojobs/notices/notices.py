"""Notices: plain-text mails about jobs, which SNS sends."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from videojobs.foreign_text import printable
from videojobs.jobs.commands import name_for_command
from videojobs.jobs.costs import PRICES_AS_OF, PRICES_REGION
from videojobs.jobs.inference_types import describe_type
from videojobs.jobs.ledger import VIDEO_SECONDS_MAX, Job
from videojobs.jobs.media_outputs import ANNOTATION, MediaOutput, list_requested
from videojobs.jobs.options import Model
from videojobs.jobs.recorded_at import format_moment
from videojobs.jobs.remedies import suggest_corrected_video
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.uploads import Rejection, Upload
from videojobs.notices.answers import answer, answer_in_a_line, answer_shortly, describe_rules
from videojobs.notices.found import Found, compose_attributes
from videojobs.notices.share_links import ShareLink
from videojobs.notices.times import format_duration, format_place
from videojobs.outputs.summary import ClassSummary, ModelSummary, Summary
from videojobs.results.rules import RulesOutcome

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
"""Maximum length of one fact: longer than the console's URL for a key of 1,024 bytes."""

NAME_MAX_CHARACTERS = 100
"""Maximum length of a class's name."""

TABLES_MAX_BYTES = 60_000
"""Maximum size of all lists of classes together, which show the most frequent ones. The other text is shorter."""

NEXT_STEP_MAX_CHARACTERS = 800
"""Maximum length of the command that a digest has for one notice."""

BRIEF_MAX_CHARACTERS = 400
"""Maximum length of what a digest tells about one notice."""

LINE_BYTES = 100
"""The most that follows a class's name in its line, even for a video of a year."""

MESSAGE_MAX_BYTES = 235_000
"""SNS accepts 256 KB, including the subject and the attributes.
Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

_PRICES = f"at {PRICES_REGION}'s prices of {PRICES_AS_OF}"


type Outcome = Literal["done", "failed", "cancelled", "rejected", "annotated", "not-annotated", "dataset", "no-dataset"]


PROBLEMS: frozenset[Outcome] = frozenset(("failed", "rejected", "not-annotated", "no-dataset"))
"""Outcomes that always mean that something went wrong. A person causes `cancelled`."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A mail. Its outcome, its prefix and what was found become message attributes, for subscription filter policies.

    Attributes:
        prefix: The folder of the upload's key.
        brief: The reason or what was found, in one line, for a digest.
        video: The upload's URI, in one line.
        has_problem: Whether something went wrong although `outcome` does not say so.
        moment: The first moment when a condition held, in seconds of the player; None if none did.
        next_step: What to do next, in lines for a digest; empty if that is too long for one.
    """

    outcome: Outcome
    subject: str
    message: str
    prefix: str = ""
    found: Found = field(default_factory=Found)
    brief: str = ""
    video: str = ""
    has_problem: bool = False
    moment: int | None = None
    next_step: str = ""

    @property
    def is_problem(self) -> bool:
        return self.has_problem or self.outcome in PROBLEMS


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
    rules: RulesOutcome | None = None,
) -> Notice:
    """Returns the notice of a job whose results are in S3.

    Args:
        failed_outputs: The reason of each missing output.
        rules: What came of the job's conditions, or None if it has none.
    """
    frames = f"{summary.frames:,} ({job.options.infer_fps} a second)" if summary else "(could not be counted)"
    begun = job.clock_time(0.0)
    facts = [
        ("Video", job.upload.uri),
        *([("Recorded", format_moment(begun))] if begun else []),
        ("Look", share_link.url),
        ("", f"open to anyone with this link, until {share_link.expires_at:%Y-%m-%d %H:%M} UTC"),
        *_describe_models(job.options.models),
        ("Frames", frames),
        ("Took", f"{format_duration(age_seconds)}, {polls} {'poll' if polls == 1 else 'polls'}"),
        ("Cost", f"${cost_usd:.4f} on AWS, {_mention_api_cost(job)}{_PRICES}"),
        ("Results", results_uri),
        ("Console", console_url),
        ("Job", job.job_id),
    ]
    facts += (("Next", f"another notice will have the {output.title}") for output in list_requested(job.options))
    failed = [_describe_failed_outputs(job, failed_outputs)] if failed_outputs else []
    models = summary.models if summary else {}
    max_bytes = TABLES_MAX_BYTES // max(1, len(models))
    counts = [_format_counts(job, model_id, model, max_bytes) for model_id, model in models.items()]
    answers = ["\n".join(answer(summary))] if summary else []
    if rules and (lines := describe_rules(job, rules, share_link.locate_moment)):
        answers.append("\n".join(lines))
    short = answer_shortly(summary, rules) if summary else ""
    briefs = [f"missing: {', '.join(failed_outputs)}"] if failed_outputs else []
    briefs += [answer_in_a_line(summary, rules)] if summary else []
    notice = _compose("done", job.upload, facts, *failed, *counts, answers=answers, short=short)
    return replace(
        notice,
        found=Found.select(summary, rules),
        brief=printable("; ".join(briefs), BRIEF_MAX_CHARACTERS),
        has_problem=bool(failed_outputs or (rules and rules.problem)),
        moment=_find_moment(job, rules),
    )


def compose_stored(job: Job, reason: str, *, results_uri: str, failed_outputs: Mapping[str, str]) -> Notice:
    """Returns the notice of a job whose results are in S3, but whose delivery failed after that."""
    facts = [("Video", job.upload.uri), ("Results", results_uri), ("Reason", reason), ("Job", job.job_id)]
    return _compose("done", job.upload, facts, _describe_failed_outputs(job, failed_outputs), has_problem=True)


def describe_left_out_sounds(count: int) -> str:
    """Says how many audio streams an annotated video lacks, and why."""
    streams = "1 audio stream is" if count == 1 else f"{count} audio streams are"
    return f"{streams} left out: MP4 does not support it, or its codec is unknown."


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
    """Returns the notice of an annotated video, which is at `uri` in S3 and which `url` plays."""
    facts = [
        ("Video", job.upload.uri),
        ("Watch", url),
        ("", f"open to anyone with this link, until {expires_at:%Y-%m-%d %H:%M} UTC"),
        ("File", uri),
        ("Cost", f"${cost_usd:.4f} on AWS, ${job_cost_usd:.4f} with the rest of the job, {_PRICES}"),
        ("Job", job.job_id),
    ]
    if left_out_sounds:
        facts.append(("Audio", describe_left_out_sounds(left_out_sounds)))
    return _compose("annotated", job.upload, facts)


def compose_dataset(
    job: Job,
    url: str,
    expires_at: datetime,
    uri: str,
    *,
    folder_uri: str,
    cost_usd: float,
    job_cost_usd: float,
    pictures: int,
    left_out_frames: int = 0,
) -> Notice:
    """Returns the notice of a dataset, which is a ZIP file at `uri` and a folder at `folder_uri` in S3.

    Args:
        url: The link that loads the ZIP file.
        left_out_frames: How many chosen frames have no picture.
    """
    chosen = job.options.dataset_frames.to_text() if job.options.dataset_frames else ""
    facts = [
        ("Video", job.upload.uri),
        ("Load", url),
        ("", f"open to anyone with this link, until {expires_at:%Y-%m-%d %H:%M} UTC"),
        ("File", uri),
        ("Folder", folder_uri),
        ("Pictures", f"{pictures:,} ({chosen})"),
        ("Cost", f"${cost_usd:.4f} on AWS, ${job_cost_usd:.4f} with the rest of the job, {_PRICES}"),
        ("Job", job.job_id),
    ]
    if left_out_frames:
        words = "can't be decoded, a model failed on them, or their results have an unknown form"
        facts.append(("Left out", f"{left_out_frames:,} frames: they {words}"))
    return _compose("dataset", job.upload, facts)


def compose_missing_output(
    job: Job, output: MediaOutput, reason: str, *, refused: bool = False, kept_uri: str | None = None
) -> Notice:
    """Returns the notice of a job whose results are in S3, but whose media output could not be made.

    Args:
        refused: Another attempt gets the same answer, so the notice does not offer one.
        kept_uri: The output that is there: of an earlier delivery of the same results, or of this one, if only its
            notice could not be sent.
    """
    facts = [("Video", job.upload.uri), ("Reason", reason), ("Job", job.job_id)]
    words, short = f"The results are delivered; only the {output.title} is missing.", ""
    if kept_uri:
        facts.insert(2, ("Kept", kept_uri))
        short = "the one that is there is kept"
        words = (
            f"The results are delivered, but the {output.title} was not made again, or its notice could not be sent: "
            "the one that is there is kept."
        )
    if refused:
        local = f"With results.json and the video, videoinfer {output.local_command} makes it on your own machine."
        steps = [f"{words} Another delivery helps only once the reason is gone. {local}"]
    else:
        command = f"videoinfer redeliver {name_for_command(job)}"
        steps = [f"{words} To make it without asking the API again, run:", f"  {command}"]
    outcome: Outcome = "not-annotated" if output is ANNOTATION else "no-dataset"
    return _compose(outcome, job.upload, facts, *steps, short=short)


def compose_failure(job: Job, reason: str, *, age_seconds: int, api_failed: bool) -> Notice:
    """Returns the notice of a job that has no results.

    Args:
        api_failed: The API said that the job failed, so only another job helps. Otherwise it may have the results.
    """
    if api_failed:
        first = "The API says that the job failed. To upload a corrected video, run:"
        command = suggest_corrected_video(job.upload)
    else:
        first = "The API may have the results. To ask it again, which is not billed, run:"
        command = f"videoinfer redeliver {name_for_command(job)}"
    return _compose(
        "failed",
        job.upload,
        _describe_end(job, reason, age_seconds),
        first,
        f"  {command}",
        "To retry with the video in the bucket, as a new job that is billed, run:",
        f"  videoinfer retry {name_for_command(job)}",
    )


def compose_cancellation(job: Job, reason: str, *, age_seconds: int) -> Notice:
    """Returns the notice of a job that a person cancelled."""
    return _compose(
        "cancelled",
        job.upload,
        _describe_end(job, reason, age_seconds),
        "The API has no call that cancels: it finishes the job and bills all of it.",
        "To get its results, which is not billed again, run this when it has finished:",
        f"  videoinfer redeliver {name_for_command(job)}",
        "The video is still in the bucket. To retry, as a new job that is billed, run:",
        f"  videoinfer retry {name_for_command(job)}",
    )


def compose_cancelled_upload(upload: Upload, reason: str) -> Notice:
    """Returns the notice of an upload that a person cancelled before an execution waited for its job."""
    facts = [("Video", upload.uri), ("Reason", reason)]
    words = "The video is still in the bucket. To create a job, run:"
    return _compose("cancelled", upload, facts, words, f"  videoinfer retry {upload.upload_id}")


def compose_late_done(job: Job, reason: str, *, age_seconds: int) -> Notice:
    """Returns the notice of a job whose results are in S3, but whose own notice could not be sent."""
    facts = [("Video", job.upload.uri), ("Took", format_duration(age_seconds)), ("Reason", reason), ("Job", job.job_id)]
    words = "The results are delivered, but the notice with the details could not be sent. To send it, run:"
    command = f"  videoinfer redeliver {name_for_command(job)}"
    return _compose("done", job.upload, facts, words, command, has_problem=True)


def compose_rejection(upload: Upload, rejection: Rejection, unanswered: Unanswered) -> Notice:
    """Returns the notice of an upload that does not become a job."""
    facts = [("Video", upload.uri), ("Reason", rejection.reason)]
    bill = unanswered.describe() or "No job was created, so nothing was billed."
    parameter = rejection.parameter
    first = f"Correct the stack's parameter {parameter} (sam deploy --guided), then run:" if parameter else "Next, run:"
    notice = _compose("rejected", upload, facts, f"{bill} {first}", f"  {rejection.remedy}")
    next_step = f"{first}\n{rejection.remedy}" if parameter else rejection.remedy
    return replace(notice, next_step=next_step if len(next_step) <= NEXT_STEP_MAX_CHARACTERS else "")


def mention_unanswered(notice: Notice, unanswered: Unanswered) -> Notice:
    """Returns `notice`, with a paragraph about unanswered calls if there are any."""
    words = unanswered.describe()
    if not words:
        return notice
    brief = printable(f"{notice.brief} {words}", BRIEF_MAX_CHARACTERS)
    return replace(notice, message=f"{notice.message}\n\n{words}", brief=brief, has_problem=True)


def compose_console_url(partition: str, region: str, bucket: str, key: str) -> str:
    """Returns the URL of an object in the AWS console."""
    host = f"{region}.{CONSOLE_HOSTS.get(partition, CONSOLE_HOSTS['aws'])}"
    return f"https://{host}/s3/object/{bucket}?region={region}&prefix={quote(key, safe='')}"


class NoticesTopic:
    """The SNS topic of notices."""

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
        """Publishes a notice and returns SNS's message ID."""
        answer = self._sns.publish(
            TopicArn=self._topic_arn,
            Subject=notice.subject,
            Message=_cut(notice.message),
            MessageAttributes=compose_attributes(notice.outcome, notice.prefix, notice.found),
        )
        return answer["MessageId"]


def _find_moment(job: Job, rules: RulesOutcome | None) -> int | None:
    moments = [moment for rule in rules.matched for moment in rule.moments] if rules else []
    return math.floor(min(job.place(min(moments)), VIDEO_SECONDS_MAX)) if moments else None


def _cut(message: str) -> str:
    content = message.encode()
    if len(content) <= MESSAGE_MAX_BYTES:
        return message
    return content[:MESSAGE_MAX_BYTES].decode(errors="ignore") + "\n\n(The rest is too long for a notice.)"


def _compose(
    outcome: Outcome,
    upload: Upload,
    facts: Sequence[tuple[str, str]],
    *paragraphs: str,
    answers: Sequence[str] = (),
    short: str = "",
    has_problem: bool = False,
) -> Notice:
    """Composes a notice, which a digest describes by the reason among the facts.

    Args:
        answers: Paragraphs before the facts.
        short: The answer in the subject, in ASCII.
        has_problem: Whether something went wrong although `outcome` does not say so.
    """
    return Notice(
        outcome=outcome,
        subject=_compose_subject(outcome, upload, short),
        message="\n\n".join([*answers, _format_facts(facts), *paragraphs]),
        prefix=upload.prefix,
        brief=printable(dict(facts).get("Reason", ""), BRIEF_MAX_CHARACTERS),
        video=printable(upload.uri, VALUE_MAX_CHARACTERS),
        has_problem=has_problem,
    )


def _compose_subject(outcome: Outcome, upload: Upload, short: str) -> str:
    """Returns the outcome, the key, and the answer; a long key is cut at its beginning."""
    label = outcome.capitalize().replace("-", " ")
    name = "".join(character if " " <= character <= "~" else "?" for character in upload.key)
    end = f": {short}" if short else ""
    overflow = len(f"{label}: {name}{end}") - SUBJECT_MAX_CHARACTERS
    if overflow > 0:
        name = f"...{name[overflow + 3 :]}"
    return f"{label}: {name}{end}"


def _describe_end(job: Job, reason: str, age_seconds: int) -> list[tuple[str, str]]:
    return [
        ("Video", job.upload.uri),
        *_describe_models(job.options.models),
        ("Reason", reason),
        ("After", format_duration(age_seconds)),
        *([("Cost", f"${job.api_cost_usd:.4f} for the inference")] if job.api_cost_usd is not None else []),
        ("Job", job.job_id),
    ]


def _mention_api_cost(job: Job) -> str:
    return "" if job.api_cost_usd is None else f"${job.api_cost_usd:.4f} of it for the inference, "


def _describe_models(models: Sequence[Model]) -> list[tuple[str, str]]:
    labels = ["Models"] + [""] * (len(models) - 1)
    return [
        (label, f"{model.model_id} version {model.model_version} ({describe_type(model.inference_type)})")
        for label, model in zip(labels, models, strict=True)
    ]


def _format_facts(facts: Sequence[tuple[str, str]]) -> str:
    """Returns one line per fact. Line breaks in a value are escaped, so that it can't look like another fact."""
    return "\n".join(f"{name:<9}{printable(value, VALUE_MAX_CHARACTERS)}" for name, value in facts)


def _describe_failed_outputs(job: Job, failed_outputs: Mapping[str, str]) -> str:
    """Returns which outputs are missing and why, and how to make them."""
    lines = [f"  {name}: {printable(reason)}" for name, reason in failed_outputs.items()]
    again = f"To make them without asking the API again, run:\n\n  videoinfer redeliver {name_for_command(job)}"
    return "\n".join(["The results are stored, but these outputs are missing:", *lines]) + f"\n\n{again}"


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
        lines.append(f"  Failed on {model.failed_frames:,} of {model.frames:,} frames ({model.failed_share:.1%}).")
    return "\n".join(lines)


def _take(found: Sequence[tuple[str, ClassSummary]], max_bytes: int) -> Iterator[tuple[str, ClassSummary]]:
    """Yields as many of the first classes as fit into `max_bytes`; each line is as wide as the widest name."""
    width = 0
    for number, (name, entry) in enumerate(found, start=1):
        width = max(width, len(name.encode()))
        if number * (width + LINE_BYTES) > max_bytes:
            return
        yield name, entry


def _show_name(name: str) -> str:
    """Returns a name with single spaces: with several, it could look like a fact."""
    return printable(" ".join(name.split()), NAME_MAX_CHARACTERS)


def _describe_class(job: Job, entry: ClassSummary) -> str:
    """Returns when the class is seen, the most at once, and the mean confidence."""
    times = entry.first_seen_seconds, entry.last_seen_seconds, entry.peak_at_seconds
    first, last, peak_at = (format_place(job, time) for time in times)
    peak = f", {entry.peak:,} at once at {peak_at}" if entry.peak > 1 else ""
    mean = f", confidence {entry.mean_confidence:.2f}" if entry.mean_confidence is not None else ""
    return f"{first} to {last}{peak}{mean}"

"""Notices: plain-text mails about jobs, which SNS sends.

Subject and first lines have the answer or the reason, then come links and commands, then the rest. Nothing is aligned,
because phones show mails in a proportional font.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate
from pathlib import PurePosixPath
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
from videojobs.jobs.times import format_duration, format_place
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.uploads import Rejection, Upload
from videojobs.notices.found import Found, compose_attributes
from videojobs.notices.share_links import ShareLink
from videojobs.outputs.answers import answer, answer_in_a_line, answer_shortly, describe_rules, to_ascii
from videojobs.outputs.summary import ClassSummary, ModelSummary, Summary
from videojobs.results.rules import RulesOutcome
from videojobs.results.sightings import show_count, show_name

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT_MAX_CHARACTERS = 99
"""SNS takes ASCII subjects of fewer than 100 characters, without line breaks."""

SUBJECT_NAME_MAX_CHARACTERS = 40
"""Maximum length of the video's name in a subject; a longer one loses its beginning."""

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

SENTENCES_MAX_BYTES = 60_000
"""Maximum size of the sentences about what was found. The link comes after them, and has to fit."""

TABLES_MAX_BYTES = 60_000
"""Maximum size of all lists of classes together, which have the most frequent ones. The other text is shorter."""

NEXT_STEP_MAX_CHARACTERS = 800
"""Maximum length of the command that a digest has for one notice."""

BRIEF_MAX_CHARACTERS = 400
"""Maximum length of what a digest tells about one notice."""

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
    paragraphs = []
    if summary:
        paragraphs.append(_join_sentences(answer(summary, lambda seconds: format_place(job, seconds))))
    if rules and (lines := describe_rules(job, rules, share_link.locate_moment)):
        paragraphs.append("\n".join(lines))
    paragraphs.append(_describe_link("Look", share_link.url, share_link.expires_at))
    if failed_outputs:
        paragraphs.append(_describe_failed_outputs(job, failed_outputs))
    begun = job.clock_time(0.0)
    facts = [
        ("Video", job.upload.uri),
        *([("Recorded", format_moment(begun))] if begun else []),
        *_describe_models(job.options.models),
        ("Frames", f"{summary.frames:,} ({job.options.infer_fps} a second)" if summary else "could not be counted"),
        ("Took", f"{format_duration(age_seconds)}, {show_count(polls, 'poll', 'polls')}"),
        ("Cost", f"${cost_usd:.4f} on AWS, {_mention_api_cost(job)}{_PRICES}"),
        ("Results", results_uri),
        ("Console", console_url),
        ("Job", job.job_id),
        *(("Next", f"another notice will have the {output.title}") for output in list_requested(job.options)),
    ]
    models = summary.models if summary else {}
    max_bytes = TABLES_MAX_BYTES // max(1, len(models))
    counts = [_format_counts(job, model_id, model, max_bytes) for model_id, model in models.items()]
    briefs = [f"missing: {', '.join(failed_outputs)}"] if failed_outputs else []
    briefs += [answer_in_a_line(job, summary, rules)] if summary else []
    notice = _compose(
        "done",
        job.upload,
        answer_shortly(summary, rules) if summary else "done",
        *paragraphs,
        _format_facts(facts),
        *counts,
    )
    return replace(
        notice,
        found=Found.select(summary, rules),
        brief=printable("; ".join(briefs), BRIEF_MAX_CHARACTERS),
        has_problem=bool(failed_outputs or (rules and rules.problem)),
        moment=_find_moment(job, rules),
    )


def compose_stored(job: Job, reason: str, *, results_uri: str, failed_outputs: Mapping[str, str]) -> Notice:
    """Returns the notice of a job whose results are in S3, but whose delivery failed after that."""
    facts = [("Video", job.upload.uri), ("Results", results_uri), ("Job", job.job_id)]
    short = f"results stored, delivery failed: {reason}"
    notice = _compose_reasoned(
        "done", job.upload, short, reason, _describe_failed_outputs(job, failed_outputs), facts=facts
    )
    return replace(notice, has_problem=True)


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
        ("File", uri),
        ("Cost", f"${cost_usd:.4f} on AWS, ${job_cost_usd:.4f} with the rest of the job, {_PRICES}"),
        ("Job", job.job_id),
    ]
    if left_out_sounds:
        facts.append(("Audio", describe_left_out_sounds(left_out_sounds)))
    link = _describe_link("Watch", url, expires_at)
    return _compose("annotated", job.upload, "annotated video", link, _format_facts(facts))


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
        ("File", uri),
        ("Folder", folder_uri),
        ("Pictures", f"{pictures:,} ({chosen})"),
        ("Cost", f"${cost_usd:.4f} on AWS, ${job_cost_usd:.4f} with the rest of the job, {_PRICES}"),
        ("Job", job.job_id),
    ]
    if left_out_frames:
        frames = show_count(left_out_frames, "frame", "frames")
        facts.append(("Left out", f"{frames}: not decodable, a model failed, or the results have an unknown form"))
    short = f"dataset of {show_count(pictures, 'picture', 'pictures')}"
    return _compose("dataset", job.upload, short, _describe_link("Load", url, expires_at), _format_facts(facts))


def compose_missing_output(
    job: Job, output: MediaOutput, reason: str, *, refused: bool = False, kept_uri: str | None = None
) -> Notice:
    """Returns the notice of a job whose results are in S3, but whose media output could not be made.

    Args:
        refused: Another attempt gets the same answer, so the notice does not offer one.
        kept_uri: The output that is there: of an earlier delivery of the same results, or of this one, if only its
            notice could not be sent.
    """
    facts = [("Video", job.upload.uri), ("Job", job.job_id)]
    words, short = f"The results are stored; the {output.title} is missing.", f"no {output.title}: {reason}"
    if kept_uri:
        facts.insert(1, ("Kept", kept_uri))
        short = f"{output.title} kept from before: {reason}"
        words = (
            f"The results are stored, but the {output.title} was not made again, or its notice could not be sent: "
            "the one that is there is kept."
        )
    if refused:
        local = f"With results.json and the video, videoinfer {output.local_command} makes it on your own machine."
        steps = [f"{words} Another delivery helps only once the reason is gone. {local}"]
    else:
        command = f"videoinfer redeliver {name_for_command(job)}"
        steps = [f"{words} To make it without asking the API again, run:", f"  {command}"]
    outcome: Outcome = "not-annotated" if output is ANNOTATION else "no-dataset"
    return _compose_reasoned(outcome, job.upload, short, reason, *steps, facts=facts)


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
    return _compose_reasoned(
        "failed",
        job.upload,
        f"failed: {reason}",
        reason,
        first,
        f"  {command}",
        "To retry with the video in the bucket, as a new job that is billed, run:",
        f"  videoinfer retry {name_for_command(job)}",
        facts=_describe_end(job, age_seconds),
    )


def compose_cancellation(job: Job, reason: str, *, age_seconds: int) -> Notice:
    """Returns the notice of a job that a person cancelled."""
    return _compose_reasoned(
        "cancelled",
        job.upload,
        "cancelled",
        reason,
        "The API has no call that cancels: it finishes the job and bills all of it.",
        "To get its results, which is not billed again, run this when it has finished:",
        f"  videoinfer redeliver {name_for_command(job)}",
        "The video is still in the bucket. To retry, as a new job that is billed, run:",
        f"  videoinfer retry {name_for_command(job)}",
        facts=_describe_end(job, age_seconds),
    )


def compose_cancelled_upload(upload: Upload, reason: str) -> Notice:
    """Returns the notice of an upload that a person cancelled before an execution waited for its job."""
    words = "The video is still in the bucket. To create a job, run:"
    command = f"  videoinfer retry {upload.upload_id}"
    return _compose_reasoned("cancelled", upload, "cancelled", reason, words, command, facts=[("Video", upload.uri)])


def compose_late_done(job: Job, reason: str, *, age_seconds: int) -> Notice:
    """Returns the notice of a job whose results are in S3, but whose own notice could not be sent."""
    facts = [("Video", job.upload.uri), ("Took", format_duration(age_seconds)), ("Job", job.job_id)]
    words = "The results are delivered, but the notice with the details could not be sent. To send it, run:"
    command = f"  videoinfer redeliver {name_for_command(job)}"
    short = "results delivered, details could not be sent"
    return replace(_compose_reasoned("done", job.upload, short, reason, words, command, facts=facts), has_problem=True)


def compose_rejection(upload: Upload, rejection: Rejection, unanswered: Unanswered) -> Notice:
    """Returns the notice of an upload that does not become a job."""
    bill = unanswered.describe() or "No job was created, so nothing was billed."
    parameter = rejection.parameter
    first = f"Correct the stack's parameter {parameter} (sam deploy --guided), then run:" if parameter else "Next, run:"
    notice = _compose_reasoned(
        "rejected",
        upload,
        f"rejected: {rejection.reason}",
        rejection.reason,
        f"{bill} {first}",
        f"  {rejection.remedy}",
        facts=[("Video", upload.uri)],
    )
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


def _join_sentences(sentences: Sequence[str]) -> str:
    """Returns the first sentences that fit, one a line, and how many do not."""
    ends = accumulate(len(sentence.encode()) + 1 for sentence in sentences)
    kept = [sentence for sentence, end in zip(sentences, ends, strict=True) if end <= SENTENCES_MAX_BYTES]
    if rest := len(sentences) - len(kept):
        kept.append(f"and {show_count(rest, 'more line', 'more lines')}, which are in the report")
    return "\n".join(kept)


def _find_moment(job: Job, rules: RulesOutcome | None) -> int | None:
    moments = [moment for rule in rules.matched for moment in rule.moments] if rules else []
    return math.floor(min(job.place(min(moments)), VIDEO_SECONDS_MAX)) if moments else None


def _cut(message: str) -> str:
    content = message.encode()
    if len(content) <= MESSAGE_MAX_BYTES:
        return message
    return content[:MESSAGE_MAX_BYTES].decode(errors="ignore") + "\n\n(The rest is too long for a notice.)"


def _compose(outcome: Outcome, upload: Upload, short: str, *paragraphs: str) -> Notice:
    """Composes a notice.

    Args:
        short: The answer in the subject; it is cut if it is too long.
    """
    return Notice(
        outcome=outcome,
        subject=_compose_subject(upload, short),
        message="\n\n".join(paragraphs),
        prefix=upload.prefix,
        video=printable(upload.uri, VALUE_MAX_CHARACTERS),
    )


def _compose_reasoned(
    outcome: Outcome, upload: Upload, short: str, reason: str, *paragraphs: str, facts: Sequence[tuple[str, str]]
) -> Notice:
    """Composes a notice that begins with a reason, by which a digest describes it, and ends with facts."""
    notice = _compose(outcome, upload, short, _format_facts([("Reason", reason)]), *paragraphs, _format_facts(facts))
    return replace(notice, brief=printable(reason, BRIEF_MAX_CHARACTERS))


def _compose_subject(upload: Upload, short: str) -> str:
    """Returns the video's name and the answer: `belt.mp4: bottle 3 at once`."""
    name = to_ascii(PurePosixPath(upload.key).name) or "?"
    if len(name) > SUBJECT_NAME_MAX_CHARACTERS:
        name = f"...{name[3 - SUBJECT_NAME_MAX_CHARACTERS :]}"
    subject = f"{name}: {to_ascii(short)}"
    return subject if len(subject) <= SUBJECT_MAX_CHARACTERS else f"{subject[: SUBJECT_MAX_CHARACTERS - 3]}..."


def _describe_link(verb: str, url: str, expires_at: datetime) -> str:
    return f"{verb}: {url}\nAnyone with this link can open it until {expires_at:%Y-%m-%d %H:%M} UTC."


def _describe_end(job: Job, age_seconds: int) -> list[tuple[str, str]]:
    return [
        ("Video", job.upload.uri),
        *_describe_models(job.options.models),
        ("After", format_duration(age_seconds)),
        *([("Cost", f"${job.api_cost_usd:.4f} for the inference")] if job.api_cost_usd is not None else []),
        ("Job", job.job_id),
    ]


def _mention_api_cost(job: Job) -> str:
    return "" if job.api_cost_usd is None else f"${job.api_cost_usd:.4f} of it for the inference, "


def _describe_models(models: Sequence[Model]) -> Iterator[tuple[str, str]]:
    for model in models:
        yield "Model", f"{model.model_id} version {model.model_version} ({describe_type(model.inference_type)})"


def _format_facts(facts: Sequence[tuple[str, str]]) -> str:
    """Returns one line per fact. Line breaks in a value are escaped, so that it can't look like another fact."""
    return "\n".join(f"{name}: {printable(value, VALUE_MAX_CHARACTERS)}" for name, value in facts)


def _describe_failed_outputs(job: Job, failed_outputs: Mapping[str, str]) -> str:
    """Returns which outputs are missing and why, and how to make them."""
    lines = [f"  {name}: {printable(reason)}" for name, reason in failed_outputs.items()]
    again = f"To make them without asking the API again, run:\n\n  videoinfer redeliver {name_for_command(job)}"
    return "\n".join(["The results are stored, but these outputs are missing:", *lines]) + f"\n\n{again}"


def _format_counts(job: Job, model_id: str, model: ModelSummary, max_bytes: int) -> str:
    lines, room = [f"{show_name(model_id)} found:"], max_bytes
    for number, (name, entry) in enumerate(ranked := model.most_common()):
        line = _describe_class(job, name, entry, model)
        room -= len(line.encode()) + 1
        if room < 0:
            rest = [left for _, left in ranked[number:]]
            predictions = sum(left.count for left in rest)
            classes = show_count(len(rest), "other class", "other classes")
            lines.append(f"and {predictions:,} more of {classes}, which are in summary.json")
            break
        lines.append(line)
    if model.embeddings:
        lines.append(show_count(model.embeddings, "embedding", "embeddings"))
    if model.is_empty:
        lines.append("nothing")
    if model.unread_frames:
        lines.append(f"results of an unknown type in {show_count(model.unread_frames, 'frame', 'frames')}")
    if model.failed_frames:
        frames = show_count(model.frames, "frame", "frames")
        lines.append(f"Failed on {model.failed_frames:,} of {frames} ({model.failed_share:.1%}).")
    return "\n".join(lines)


def _describe_class(job: Job, name: str, entry: ClassSummary, model: ModelSummary) -> str:
    """Returns how often the class was predicted, when it was seen, the most at once, and the mean confidence."""
    times = entry.first_seen_seconds, entry.last_seen_seconds, entry.peak_at_seconds
    first, last, peak_at = (format_place(job, time) for time in times)
    peak = f", {entry.peak:,} at once at {peak_at}" if entry.peak > 1 else ""
    mean = f", confidence {entry.mean_confidence:.2f}" if entry.mean_confidence is not None else ""
    found = f"{entry.count:,} in {entry.frames:,} of {show_count(model.frames, 'frame', 'frames')}"
    return f"{show_name(name)}: {found}, {first} to {last}{peak}{mean}"

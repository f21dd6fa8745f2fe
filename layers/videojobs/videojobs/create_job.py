"""From an upload to a running job, or to a rejection with its reason: the flow of `create_job`."""

import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from videojobs.api.accepted_videos import AcceptedVideos
from videojobs.api.client import CreatedJob, VideoInferenceApi
from videojobs.api.statuses import classify_refusal
from videojobs.api.turns import Turn
from videojobs.errors import (
    ApiRefused,
    ApiUnavailable,
    BrokenAnswer,
    ChangeRefused,
    InvalidOption,
    InvalidParameter,
    SendingTooSlow,
    TurnLater,
)
from videojobs.jobs.commands import correct_metadata
from videojobs.jobs.corrections import correct, explain_changes, find_faulty
from videojobs.jobs.costs import Meter
from videojobs.jobs.creation_time import read_creation_time
from videojobs.jobs.idempotency_key import make_idempotency_key
from videojobs.jobs.inference_types import find_similar, hint, is_documented
from videojobs.jobs.ledger import Job, Ledger, format_time, name_execution
from videojobs.jobs.object_copy import compose_corrected_command
from videojobs.jobs.options import Model, Options
from videojobs.jobs.recorded_at import resolve_recorded_at
from videojobs.jobs.remedies import suggest_remedy
from videojobs.jobs.sending import TimedVideo, count_sends, reject_sending, reject_slow_sending
from videojobs.jobs.states import ENDED_STATES
from videojobs.jobs.stored_video import StoredVideo, VideoReplaced, VideoUnreadable, is_listed
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.upload_metadata import override
from videojobs.jobs.uploads import JobRequest, Rejection, Upload, find_extension, find_fault
from videojobs.jobs.workflow import find_executed_job, start_execution
from videojobs.logs import logger
from videojobs.metrics import measure
from videojobs.notices.notices import compose_cancelled_upload, compose_rejection, mention_unanswered
from videojobs.notices.sender import NoticeSender, describe_sending
from videojobs.settings import CreateJobSettings, limit_deadline_seconds, limit_poll_seconds

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

INPUT_URL_SECONDS = 12 * 3600
"""How long the API may wait before it downloads. The URL expires earlier if the function's credentials do."""

SENT_PATIENCE_SECONDS = 300
"""How long to wait for the turn of a job whose video has been sent: longer, because it would have to be sent again."""

CREATION_SECONDS = 60
"""The most that creating a job takes: the connection, the API's answer and the ledger."""

START_SECONDS = 30
"""Time to keep for starting the execution if DynamoDB does not accept the job's ID."""

RECORD_PAUSE_SECONDS_MAX = 30
"""The longest pause between two attempts to record the job's ID."""

BROKEN_ANSWERS_MAX = 3
"""How often the API may answer without a valid job_id before the upload is rejected: each call may be billed."""


@dataclass(frozen=True, kw_only=True)
class JobCreator:
    """Creates jobs for uploads. Called again for the same attempt at an upload, it resumes.

    Attributes:
        count_seconds_left: Returns how long this invocation may still run.
    """

    settings: CreateJobSettings
    api: VideoInferenceApi
    videos: AcceptedVideos
    ledger: Ledger
    sender: NoticeSender
    s3: "S3Client"
    sfn: "SFNClient"
    meter: Meter
    count_seconds_left: Callable[[], float]

    def create_job(self, request: JobRequest) -> dict[str, str]:
        """Creates the requested job or rejects its upload, and returns the outcome as plain JSON.

        In a bucket without versioning, the outcome's `sequencer` says which write the attempt is about.

        Raises:
            ApiUnavailable: The API can't be asked now; the upload is `waiting` in the ledger.
        """
        upload, attempt = request.upload, request.attempt
        logger.append_keys(upload=upload.uri, execution=name_execution(upload, attempt), job_id=None)
        item = self.ledger.read(upload, attempt) or {}
        if item:  # another write of the same bytes may have taken the attempt, and keeps it
            request = replace(request, upload=Upload.from_item(item))
        try:
            answer = self._create_or_reject(request, item)
        except ChangeRefused:
            answer = self._leave(request, self.ledger.read(upload, attempt) or {})
        sequencer = request.upload.sequencer
        return {**answer, "sequencer": sequencer} if sequencer else answer

    def _create_or_reject(self, request: JobRequest, item: Mapping[str, Any]) -> dict[str, str]:
        """Raises ChangeRefused: the job has been ended meanwhile."""
        if item.get("status") in ENDED_STATES:
            return self._leave(request, item)
        try:
            job = self._find_job(request, item) or self._create(request, item)
        except VideoReplaced as replaced:
            if request.written_at and not item:  # its event came late, and nobody waits for this upload
                logger.info("The object is ignored.", reason=str(replaced))
                measure("UploadsIgnored")
                return {"status": "ignored"}
            job = replaced.rejection
        if isinstance(job, Rejection):
            return self._reject(request, item, job)
        return self._wait_for(job)

    def _leave(self, request: JobRequest, item: Mapping[str, Any]) -> dict[str, str]:
        """Leaves a job that is already in another state. Sends the notice of a cancellation that has none: no execution
        was waiting for the job, so `report_failure` was not called.
        """
        logger.info("The job is already in another state.", status=item["status"])
        if item["status"] == "cancelled" and "notice_id" not in item:
            notice = compose_cancelled_upload(request.upload, item["error"])
            notice_id = self.sender.send(
                mention_unanswered(notice, Unanswered.from_item(item)), request.upload, request.attempt
            )
            self.ledger.record(request.upload, request.attempt, **describe_sending(notice_id))
        return {"status": item["status"]}

    def _find_job(self, request: JobRequest, item: Mapping[str, Any]) -> Job | None:
        """Returns the job that an earlier call has created, or None, so that the API is not asked twice."""
        if "job_id" in item:
            return Job.from_item(item)
        if item.get("status") != "creating":
            return None
        job = find_executed_job(self.sfn, self.settings.state_machine_arn, request.upload, request.attempt)
        if job:
            self._record_job(job, Unanswered.from_item(item).with_one_less())
        else:
            logger.warning("An earlier call was cut off while it asked the API, which may have created a job.")
        return job

    def _create(self, request: JobRequest, item: Mapping[str, Any]) -> Job | Rejection:
        upload = request.upload
        extensions, item = self._list_extensions(request, item)
        if fault := find_fault(upload, extensions):
            is_taken = partial(is_listed, self.s3, upload.bucket)
            return Rejection(fault, suggest_remedy(upload, self.settings.place, extensions, is_taken=is_taken))
        if _count_broken_answers(item) >= BROKEN_ANSWERS_MAX:
            return _explain_broken_answers(upload, item)
        head: Mapping[str, Any] = {"Metadata": {}}
        models: Sequence[Model] = ()
        try:
            video = StoredVideo(self.s3, upload)
            head = video.read_head()
            options = self.settings.resolve(upload.key, override(head["Metadata"], request.options))
            models = options.models
            download = self._suggest_download(upload, head)
            if options.input_mode == "upload" and (rejection := reject_sending(upload, item, download)):
                return rejection
            video_recorded_at = _find_recorded_at(video, options)
            options.notify_when.check_clock(video_recorded_at)
            return self._create_with(options, video_recorded_at, request, item)
        except InvalidParameter as invalid:
            return Rejection(str(invalid), f"videoinfer retry {upload.upload_id}", invalid.parameter)
        except InvalidOption as invalid:
            return self._explain_option(upload, head, invalid)
        except VideoReplaced:
            raise
        except VideoUnreadable as unreadable:
            return unreadable.rejection
        except ApiRefused as refused:
            return self._explain_refusal(upload, head, models, refused)
        except SendingTooSlow as slow:
            return reject_slow_sending(upload, slow, self._suggest_download(upload, head))

    def _list_extensions(self, request: JobRequest, item: Mapping[str, Any]) -> tuple[Sequence[str], Mapping[str, Any]]:
        """Returns the extensions that the API takes, and `item` without its turn if that was used to ask the API."""
        extension = find_extension(request.upload.key).lower()
        known = self.videos.recall(extension, is_retry=request.is_retry)
        if known is not None:
            return known, item
        try:
            turn = self.api.turns.take("creates", _read_turn(item))
            self._forget_turn(request, item)
            return self.videos.ask(turn), {**item, "turn_at": None}
        except ApiUnavailable as unavailable:
            self._put_off(request, unavailable, turn_at=_find_booked(unavailable))
            raise

    def _create_with(
        self, options: Options, video_recorded_at: str | None, request: JobRequest, item: Mapping[str, Any]
    ) -> Job:
        unanswered = Unanswered.from_item(item)
        key = make_idempotency_key(self.settings.state_machine_arn, request, options)
        created = self._ask_api(request, item, unanswered, options, idempotency_key=key)
        takes_turns = self.settings.api_requests_per_minute > 0
        deadline_seconds = limit_deadline_seconds(
            self.settings.deadline_hours, self._poll_seconds, takes_turns=takes_turns
        )
        job = Job.begin(
            request.upload,
            request.attempt,
            created.job_id,
            options,
            now=datetime.now(UTC),
            deadline_seconds=deadline_seconds,
            video_recorded_at=video_recorded_at,
        )
        self._record_job(job, unanswered.without(key) if created.is_repeatable else unanswered)
        measure("JobsCreated")
        return job

    def _record_job(self, job: Job, unanswered: Unanswered) -> None:
        """Records the API's answer, and retries while there is time.

        If DynamoDB never accepts it, the execution starts nevertheless: its input has the job, and each of its steps
        records it again.

        Raises:
            ChangeRefused: A person has cancelled the job meanwhile. The API's answer is recorded.
        """
        facts = {**job.to_values(), **unanswered.to_values()}
        pause_seconds = 1
        while True:
            try:
                self.ledger.record(job.upload, job.attempt, status="running", **facts)
            except ChangeRefused:
                self.ledger.record(job.upload, job.attempt, **facts)
                raise
            except (ClientError, BotoCoreError):
                logger.exception("The job's ID could not be recorded.")
                if self.count_seconds_left() < START_SECONDS + pause_seconds:
                    return
                time.sleep(pause_seconds)
                pause_seconds = min(2 * pause_seconds, RECORD_PAUSE_SECONDS_MAX)
            else:
                return

    def _ask_api(
        self,
        request: JobRequest,
        item: Mapping[str, Any],
        unanswered: Unanswered,
        options: Options,
        *,
        idempotency_key: str,
    ) -> CreatedJob:
        """Creates the job at the API. The call counts as unanswered in the ledger until there is an answer."""
        upload, attempt = request.upload, request.attempt
        models = [model.to_request() for model in options.models]
        try:
            turn = self.api.turns.take("creates", _read_turn(item))
            input_url, turn = self._provide_input(turn, request, item, options, idempotency_key=idempotency_key)
        except ApiUnavailable as unavailable:
            self._put_off(request, unavailable, turn_at=_find_booked(unavailable), sends=None)
            raise
        counted = unanswered.with_one_more(datetime.now(UTC), idempotency_key).to_values()
        self.ledger.record(
            upload,
            attempt,
            status="creating",
            error=None,
            turn_at=None,
            sends=None,
            options=options.to_dict(),
            **counted,
        )
        try:
            created = self.api.create_job(turn, input_url, models, options.infer_fps, idempotency_key=idempotency_key)
        except ApiUnavailable as unavailable:
            if unavailable.may_have_acted:
                logger.warning("The API gave no usable answer. It may have created a job.")
            facts = counted if unavailable.may_have_acted else unanswered.to_values()
            if isinstance(unavailable, BrokenAnswer):
                facts["broken_answers"] = _count_broken_answers(item) + 1
            self._put_off(request, unavailable, **facts)
            raise
        except ApiRefused as refused:
            self._put_off(request, refused, **unanswered.to_values())
            raise
        logger.append_keys(job_id=created.job_id)
        logger.info("The API has created the job.")  # at once: it may be the only trace of a billed job
        return created

    def _put_off(self, request: JobRequest, error: Exception, **facts: Any) -> None:
        """Records why the job has to wait.

        Raises:
            ChangeRefused: A person has cancelled the job meanwhile. Only `facts` are recorded.
        """
        try:
            self.ledger.record(request.upload, request.attempt, status="waiting", error=str(error), **facts)
        except ChangeRefused:
            self.ledger.record(request.upload, request.attempt, **facts)
            raise

    def _forget_turn(self, request: JobRequest, item: Mapping[str, Any]) -> None:
        """Forgets a booked turn before its request is sent: after a crash, the next call would use it again."""
        if item.get("turn_at"):
            self.ledger.record(request.upload, request.attempt, turn_at=None)

    def _provide_input(
        self, turn: Turn, request: JobRequest, item: Mapping[str, Any], options: Options, *, idempotency_key: str
    ) -> tuple[str, Turn]:
        """Returns a URL that the API can read the video from, and the turn for creating the job.

        Sending a video takes longer than a turn lasts: the upload URL's request uses `turn`, and another turn is taken.
        """
        upload = request.upload
        if options.input_mode == "presigned":
            url = self.s3.generate_presigned_url("get_object", Params=upload.location, ExpiresIn=INPUT_URL_SECONDS)
            return url, turn
        file_name = upload.key.rsplit("/", 1)[-1]
        self._forget_turn(request, item)
        upload_url = self.api.create_upload_url(turn, file_name, idempotency_key)
        with closing(StoredVideo(self.s3, upload).open()) as body:
            self.ledger.record(upload, request.attempt, status="sending", error=None, sends=count_sends(item) + 1)
            self.api.send_video(upload_url, TimedVideo(body, self.count_seconds_left), upload.size_bytes)
        patience = min(SENT_PATIENCE_SECONDS, self.count_seconds_left() - CREATION_SECONDS)
        return upload_url, self.api.turns.take("completions", patience_seconds=patience)

    def _wait_for(self, job: Job) -> dict[str, str]:
        logger.append_keys(job_id=job.job_id)
        execution_arn = start_execution(
            self.sfn,
            self.settings.state_machine_arn,
            job,
            poll_seconds=self._poll_seconds,
            gigabyte_seconds=self.meter.gigabyte_seconds,
        )
        self.ledger.record(job.upload, job.attempt, execution_arn=execution_arn)
        logger.info("The job has been created, and its execution has started.")
        return {"status": "running", "job_id": job.job_id}

    def _reject(self, request: JobRequest, item: Mapping[str, Any], rejection: Rejection) -> dict[str, str]:
        unanswered = Unanswered.from_item(item)
        notice_id = self.sender.send(
            compose_rejection(request.upload, rejection, unanswered), request.upload, request.attempt
        )
        self.ledger.record(
            request.upload,
            request.attempt,
            status="rejected",
            error=rejection.reason,
            finished_at=format_time(datetime.now(UTC)),
            notice_id=notice_id,
            **unanswered.to_values(),
        )
        logger.info("The upload has been rejected.", reason=rejection.reason)
        return {"status": "rejected", "reason": rejection.reason}

    def _suggest_download(self, upload: Upload, head: Mapping[str, Any]) -> str:
        """Returns the command that lets the API download the video."""
        limits, option = self.settings.limits, "input-mode"
        corrected = correct_metadata(
            head["Metadata"],
            option,
            limits.names | {option},
            remedy={option: "presigned"},
            is_ignored=limits.ignores,
        )
        return compose_corrected_command(upload, corrected, head)

    def _explain_option(self, upload: Upload, head: Mapping[str, Any], invalid: InvalidOption) -> Rejection:
        metadata, limits = head["Metadata"], self.settings.limits

        def resolve(corrected: Mapping[str, str], allowed: Set[str]) -> None:
            settings = replace(self.settings, allowed_metadata=",".join(allowed))
            options = settings.resolve(upload.key, corrected)
            with suppress(VideoUnreadable):
                options.notify_when.check_clock(_find_recorded_at(StoredVideo(self.s3, upload), options))

        correction = correct(metadata, invalid, limits.names, resolve, is_ignored=limits.ignores)
        command = compose_corrected_command(upload, correction.metadata, head)
        reason = explain_changes(str(invalid), find_faulty(invalid), metadata, correction.metadata)
        return Rejection(reason, command, "AllowedMetadata" if correction.forbidden else "")

    def _explain_refusal(
        self, upload: Upload, head: Mapping[str, Any], models: Sequence[Model], refused: ApiRefused
    ) -> Rejection:
        if classify_refusal(refused.status_code) == "key":
            secret = self.settings.api_key_secret
            store_key = f"aws secretsmanager put-secret-value --secret-id {secret} --secret-string YOUR_API_KEY"
            reason = f"The API key is not accepted: {refused.reason}"
            return Rejection(reason, f"{store_key}\n  videoinfer retry {upload.upload_id}")
        reason = f"The Video Inference API refused it ({refused.status_code}): {refused.reason}"
        unknown = [model.inference_type for model in models if not is_documented(model.inference_type)]
        if unknown:
            reason = " ".join([f"{reason.rstrip('.')}.", *map(hint, unknown)])
        limits = self.settings.limits
        given = limits.select(head["Metadata"])
        model = {"models": ""} if "models" in given else {"model-id": "", "model-version": ""}
        if unknown and "models" not in given:
            model["inference-type"] = find_similar(unknown[0]) or ""
        corrected = correct_metadata(
            head["Metadata"], "model-id", limits.names, remedy=model, is_ignored=limits.ignores
        )
        return Rejection(reason, compose_corrected_command(upload, corrected, head))

    @property
    def _poll_seconds(self) -> int:
        return limit_poll_seconds(self.settings.api_url, self.settings.poll_seconds)


def _find_recorded_at(video: StoredVideo, options: Options) -> str | None:
    """Returns when the video was recorded. Reads the file only if the options don't say it. Raises VideoUnreadable."""

    def read_file() -> datetime | None:
        return read_creation_time(video.read_range, video.upload.size_bytes, datetime.now(UTC))

    return resolve_recorded_at(options.recorded_at, video.upload.key, read_file)


def _read_turn(item: Mapping[str, Any]) -> float | None:
    """Returns the turn that an earlier call has booked, in seconds since the epoch."""
    turn_at: Decimal | None = item.get("turn_at")
    return float(turn_at) if turn_at else None


def _find_booked(unavailable: ApiUnavailable) -> float | None:
    return unavailable.turn_at if isinstance(unavailable, TurnLater) else None


def _count_broken_answers(item: Mapping[str, Any]) -> int:
    return int(item.get("broken_answers", 0))


def _explain_broken_answers(upload: Upload, item: Mapping[str, Any]) -> Rejection:
    stop = f"After {_count_broken_answers(item)} such answers it is not asked again, because each call may be billed."
    return Rejection(f"{item['error']} {stop}", f"videoinfer retry {upload.upload_id}")

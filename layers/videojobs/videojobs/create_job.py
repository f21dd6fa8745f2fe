"""From an upload to a running job, or to a rejection that says why: the flow of `create_job`."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from videojobs.api.client import VideoInferenceApi
from videojobs.api.statuses import classify_refusal
from videojobs.api.turns import Turn
from videojobs.errors import (
    ApiRefused,
    ApiUnavailable,
    BrokenAnswer,
    ChangeRefused,
    InvalidOption,
    SendingTooSlow,
    TurnLater,
)
from videojobs.jobs.commands import compose_mended_command, compose_retry_command, suggest_remedy
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job, Ledger, format_time, name_execution
from videojobs.jobs.options import Options
from videojobs.jobs.sending import TimedVideo, count_sends, reject_sending, reject_slow_sending
from videojobs.jobs.states import ENDED_STATES
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.uploads import JobRequest, Rejection, Upload, find_fault
from videojobs.jobs.workflow import find_executed_job, start_execution
from videojobs.logs import logger
from videojobs.metrics import measure
from videojobs.notices.notices import (
    NoticesTopic,
    compose_cancelled_upload,
    compose_rejection,
    mention_unanswered,
)
from videojobs.s3_errors import is_missing
from videojobs.settings import CreateJobSettings, limit_deadline_seconds, limit_poll_seconds

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

INPUT_URL_SECONDS = 12 * 3600
"""How long the API may wait before it downloads; the URL dies with the function's credentials if that is sooner."""

SENT_PATIENCE_SECONDS = 300
"""For the turn of a job whose video has been sent: more than for others, as the video would have to be sent again."""

CREATION_SECONDS = 60
"""What asking the API for a job takes at most, with its connection and with the ledger."""

START_SECONDS = 30
"""What an invocation keeps for starting the execution while DynamoDB does not take the job's id."""

RECORD_PAUSE_SECONDS_MAX = 30
"""The longest pause between two tries to write the job's id down."""


BROKEN_ANSWERS_MAX = 3
"""How often the API may answer without a usable job_id before the upload is rejected: each call may be billed."""


class UploadGone(Exception):
    """The object is no longer in the bucket."""


@dataclass(frozen=True, kw_only=True)
class JobCreator:
    """Creates jobs for uploads. Called again for the same attempt at one, it goes on where it was.

    Attributes:
        meter: What this call has used.
        count_seconds_left: How long this invocation may still take.
    """

    settings: CreateJobSettings
    api: VideoInferenceApi
    ledger: Ledger
    topic: NoticesTopic
    s3: "S3Client"
    sfn: "SFNClient"
    meter: Meter
    count_seconds_left: Callable[[], float]

    def create_job(self, request: JobRequest) -> dict[str, str]:
        """Creates the job that is asked for, or rejects its upload, and returns what became of it as plain JSON.

        Raises:
            ApiUnavailable: the API can't be asked now; the upload is `waiting` in the ledger.
        """
        upload, attempt = request.upload, request.attempt
        logger.append_keys(upload=upload.uri, execution=name_execution(upload, attempt), job_id=None)
        item = self.ledger.read(upload, attempt) or {}
        try:
            return self._create_or_reject(request, item)
        except ChangeRefused:
            return self._leave(request, self.ledger.read(upload, attempt) or {})

    def _create_or_reject(self, request: JobRequest, item: Mapping[str, Any]) -> dict[str, str]:
        """Raises ChangeRefused: somebody has ended the job meanwhile."""
        if item.get("status") in ENDED_STATES:
            return self._leave(request, item)
        job = self._find_job(request, item) or self._create(request, item)
        if isinstance(job, Rejection):
            return self._reject(request, item, job)
        return self._wait_for(job)

    def _leave(self, request: JobRequest, item: Mapping[str, Any]) -> dict[str, str]:
        """Leaves a job alone that somebody else has brought to another state, and tells a cancellation that nobody has
        told: no execution was waiting for the job, so none has ended.
        """
        logger.info("The job has come to another state already.", status=item["status"])
        if item["status"] == "cancelled" and "notice_id" not in item:
            notice = compose_cancelled_upload(request.upload, item["error"])
            notice_id = self.topic.publish(mention_unanswered(notice, Unanswered.from_item(item)))
            self.ledger.record(request.upload, request.attempt, notice_id=notice_id)
        return {"status": item["status"]}

    def _find_job(self, request: JobRequest, item: Mapping[str, Any]) -> Job | None:
        """The job that an earlier call has created: the API must not be asked twice, whatever the video is now."""
        if "job_id" in item:
            return Job.from_item(item)
        if item.get("status") != "creating":
            return None
        job = find_executed_job(self.sfn, self.settings.state_machine_arn, request.upload, request.attempt)
        if job:
            self._record_job(job, Unanswered.from_item(item).with_one_less())
        else:
            logger.warning("An earlier call was cut off while it asked the API, which may have created a job for it.")
        return job

    def _create(self, request: JobRequest, item: Mapping[str, Any]) -> Job | Rejection:
        upload = request.upload
        if fault := find_fault(upload):
            return Rejection(fault, suggest_remedy(upload))
        if _count_broken_answers(item) >= BROKEN_ANSWERS_MAX:
            return _explain_broken_answers(upload, item)
        metadata: Mapping[str, str] = {}
        try:
            metadata = self._read_metadata(upload)
            options = self.settings.resolve(upload.key, metadata)
            if options.input_mode == "upload" and (rejection := reject_sending(upload, item)):
                return rejection
            return self._create_with(options, request, item)
        except InvalidOption as invalid:
            faulty = str(invalid).partition(":")[0]
            allowed = self.settings.limits.names
            return Rejection(str(invalid), compose_mended_command(upload, metadata, faulty, allowed))
        except UploadGone:
            return Rejection("It was deleted before its job could be created.", suggest_remedy(upload))
        except ApiRefused as refused:
            return self._explain_refusal(upload, metadata, refused)
        except SendingTooSlow as slow:
            return reject_slow_sending(upload, slow)

    def _read_metadata(self, upload: Upload) -> Mapping[str, str]:
        """Raises UploadGone also of a version that is kept under a delete marker: a person does not want its job."""
        try:
            if upload.version_id:
                self.s3.head_object(Bucket=upload.bucket, Key=upload.key)
            return self.s3.head_object(**upload.location)["Metadata"]
        except self.s3.exceptions.ClientError as error:
            if is_missing(error):
                raise UploadGone from error
            raise

    def _create_with(self, options: Options, request: JobRequest, item: Mapping[str, Any]) -> Job:
        unanswered = Unanswered.from_item(item)
        job_id = self._ask_api(request, item, unanswered, options)
        takes_turns = self.settings.api_requests_per_minute > 0
        deadline_seconds = limit_deadline_seconds(
            self.settings.deadline_hours, self._poll_seconds, takes_turns=takes_turns
        )
        job = Job.begin(
            request.upload, request.attempt, job_id, options, now=datetime.now(UTC), deadline_seconds=deadline_seconds
        )
        self._record_job(job, unanswered)
        measure("JobsCreated")
        return job

    def _record_job(self, job: Job, unanswered: Unanswered) -> None:
        """Writes the API's answer down, for as long as there is time to try.

        If DynamoDB never takes it, the execution starts all the same: its input has the job, and each of its steps
        writes it down again.

        Raises:
            ChangeRefused: a person has cancelled the job meanwhile. What the API answered is written down.
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
                logger.exception("The job's id could not be written down.")
                if self.count_seconds_left() < START_SECONDS + pause_seconds:
                    return
                time.sleep(pause_seconds)
                pause_seconds = min(2 * pause_seconds, RECORD_PAUSE_SECONDS_MAX)
            else:
                return

    def _ask_api(self, request: JobRequest, item: Mapping[str, Any], unanswered: Unanswered, options: Options) -> str:
        """Asks for the job, the call being counted as unanswered while there is no answer."""
        upload, attempt = request.upload, request.attempt
        turn_at: Decimal | None = item.get("turn_at")
        models = [model.to_request() for model in options.models]
        try:
            turn = self.api.turns.take("creates", float(turn_at) if turn_at else None)
            input_url, turn = self._provide_input(turn, request, item, options)
        except ApiUnavailable as unavailable:
            booked = unavailable.turn_at if isinstance(unavailable, TurnLater) else None
            self._put_off(request, unavailable, turn_at=booked, sends=None)
            raise
        counted = unanswered.with_one_more(datetime.now(UTC)).to_values()
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
            job_id = self.api.create_job(turn, input_url, models, options.infer_fps)
        except ApiUnavailable as unavailable:
            if unavailable.may_have_acted:
                logger.warning("No answer tells whether the API has created a job: it may have.")
            facts = counted if unavailable.may_have_acted else unanswered.to_values()
            if isinstance(unavailable, BrokenAnswer):
                facts["broken_answers"] = _count_broken_answers(item) + 1
            self._put_off(request, unavailable, **facts)
            raise
        except ApiRefused as refused:
            self._put_off(request, refused, **unanswered.to_values())
            raise
        logger.append_keys(job_id=job_id)
        logger.info("The API has created the job.")  # at once: it may be the only trace of what is billed
        return job_id

    def _put_off(self, request: JobRequest, error: Exception, **facts: Any) -> None:
        """Writes down why the job has to wait.

        Raises:
            ChangeRefused: a person has cancelled the job meanwhile. Only the facts are written down.
        """
        try:
            self.ledger.record(request.upload, request.attempt, status="waiting", error=str(error), **facts)
        except ChangeRefused:
            self.ledger.record(request.upload, request.attempt, **facts)
            raise

    def _provide_input(
        self, turn: Turn, request: JobRequest, item: Mapping[str, Any], options: Options
    ) -> tuple[str, Turn]:
        """Returns a URL that the API can read the video from, and the turn for creating the job.

        Sending a video takes longer than a turn lasts: asking for the upload URL uses `turn`, and another one is taken.
        """
        upload = request.upload
        if options.input_mode == "presigned":
            url = self.s3.generate_presigned_url("get_object", Params=upload.location, ExpiresIn=INPUT_URL_SECONDS)
            return url, turn
        file_name = upload.key.rsplit("/", 1)[-1]
        upload_url = self.api.create_upload_url(turn, file_name)
        with closing(self.s3.get_object(**upload.location)["Body"]) as body:
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
        logger.info("The job is created and waited for.")
        return {"status": "running", "job_id": job.job_id}

    def _reject(self, request: JobRequest, item: Mapping[str, Any], rejection: Rejection) -> dict[str, str]:
        unanswered = Unanswered.from_item(item)
        notice_id = self.topic.publish(compose_rejection(request.upload, rejection, unanswered))
        self.ledger.record(
            request.upload,
            request.attempt,
            status="rejected",
            error=rejection.reason,
            finished_at=format_time(datetime.now(UTC)),
            notice_id=notice_id,
            **unanswered.to_values(),
        )
        logger.info("The upload is rejected.", reason=rejection.reason)
        return {"status": "rejected", "reason": rejection.reason}

    def _explain_refusal(self, upload: Upload, metadata: Mapping[str, str], refused: ApiRefused) -> Rejection:
        if classify_refusal(refused.status_code) == "key":
            secret = self.settings.api_key_secret
            store_key = f"aws secretsmanager put-secret-value --secret-id {secret} --secret-string YOUR_API_KEY"
            reason = f"The API key is not accepted: {refused.reason}"
            return Rejection(reason, f"{store_key}\n  {compose_retry_command(upload)}")
        reason = f"The Video Inference API refused it ({refused.status_code}): {refused.reason}"
        allowed = self.settings.limits.names
        model = {"model-id": "", "model-version": ""}
        return Rejection(reason, compose_mended_command(upload, {**metadata, **model}, "model-id", allowed))

    @property
    def _poll_seconds(self) -> int:
        return limit_poll_seconds(self.settings.api_url, self.settings.poll_seconds)


def _count_broken_answers(item: Mapping[str, Any]) -> int:
    return int(item.get("broken_answers", 0))


def _explain_broken_answers(upload: Upload, item: Mapping[str, Any]) -> Rejection:
    reason = f"It is not asked again after {_count_broken_answers(item)} such answers, because each call may be billed."
    return Rejection(f"{item['error']} {reason}", compose_retry_command(upload))

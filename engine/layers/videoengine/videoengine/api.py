"""The API's routes: one function for each."""

import json
import time
import uuid
from contextlib import suppress
from typing import Any

from videoengine import clients
from videoengine.errors import BadRequest, Conflict, ModelPackageInvalid, NotFound, PolledTooOften
from videoengine.http_api import HttpRequest
from videoengine.idempotency import HEADER, digest_request, read_idempotency_key
from videoengine.job_requests import NAME, JobRequest, ModelRequest, parse_file_name
from videoengine.jobs import Job, JobsTable, JobStatus
from videoengine.logs import logger
from videoengine.model_catalog import describe_newest, describe_version, describe_versions, list_versions
from videoengine.model_packages import ModelPackage
from videoengine.model_store import describe_package
from videoengine.object_keys import results_key, upload_key, video_key
from videoengine.openapi import describe_api
from videoengine.projects import describe_project, describe_training, describe_trainings, describe_workspace
from videoengine.request_bodies import quote
from videoengine.settings import ApiSettings
from videoengine.signed_urls import find_upload_key, sign_results, sign_upload

MAX_NAME_LENGTH = 100
LAST_START = 0.9
"""The share of its time in which a job is started. Later, it might count as failed while it runs."""

WORKSPACE = "engine"
"""The engine's own workspace name. The API accepts any other name too, except the names of its own paths."""


def show_api(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:  # noqa: ARG001
    """`GET /openapi.json`: the API's description. It needs no API key."""
    return describe_api(settings.max_models)


def show_key(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:  # noqa: ARG001
    """`POST /`: the workspace of an API key. The handler has checked the key already."""
    return {"workspace": WORKSPACE}


def show_workspace(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:
    """`GET /{workspace}`: all models, under the workspace name that the caller uses."""
    newest = describe_newest(clients.s3(), settings.models_bucket)
    return describe_workspace(request.path["workspace"][:MAX_NAME_LENGTH], newest)


def show_project(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:
    """`GET /{workspace}/{project}`: one model with its versions.

    Raises:
        NotFound: the engine has no such model, or can run none of its versions.
    """
    model_id = request.path["project"]
    if not NAME.fullmatch(model_id):
        raise NotFound(f"Project {quote(model_id)} not found")
    versions = describe_versions(clients.s3(), settings.models_bucket, model_id)
    return describe_project(request.path["workspace"][:MAX_NAME_LENGTH], versions)


def list_trainings(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:
    """`GET /{workspace}/{project}/{version}/v2/trainings`: a version's trainings, of which it has one.

    Raises:
        NotFound: the engine has no such version, or can't run it.
    """
    return describe_trainings(*_find_version(request, settings))


def show_training(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:
    """`GET /{workspace}/{project}/{version}/v2/trainings/get`: a training with its model.

    Without `trainingId` in the query, it is the version's only training.

    Raises:
        NotFound: the engine has no such version or can't run it, or the version has no such training.
    """
    package_name, package = _find_version(request, settings)
    training_id = request.query.get("trainingId") or package_name
    if training_id != package_name:
        raise NotFound(f"Training {quote(training_id)} not found")
    return describe_training(package_name, package)


def _find_version(request: HttpRequest, settings: ApiSettings) -> tuple[str, ModelPackage]:
    package_name = f"{request.path['project']}/{request.path['version']}"
    if not all(NAME.fullmatch(request.path[part]) for part in ("project", "version")):
        raise NotFound(f"Model {quote(package_name)} not found")
    return package_name, describe_version(clients.s3(), settings.models_bucket, package_name)


def sign_upload_url(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:
    """`POST /video_upload_signed_url`: a presigned URL to PUT a video to.

    The same `Idempotency-Key` gets a URL of the same object.

    Raises:
        BadRequest: `file_name` is missing or wrong, or the `Idempotency-Key` is.
    """
    idempotency_key = read_idempotency_key(request.headers)
    key = upload_key(_make_id(request, "upload", idempotency_key), parse_file_name(request.body))
    return {"signed_url": sign_upload(clients.s3(), settings.videos_bucket, key)}


def create_job(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:
    """`POST /videoinfer`: records a job, then starts the state machine, which gets only the job's id.

    The same `Idempotency-Key` with the same body gets the same job, as long as its record exists. The answer repeats
    the key, so that the caller knows this.

    Raises:
        BadRequest: a field is missing or wrong, a model can't be run, or the `Idempotency-Key` is wrong.
        NotFound: the engine has no such model.
        Conflict: the `Idempotency-Key` was sent before, with another body.
    """
    idempotency_key = read_idempotency_key(request.headers)
    job_id = _make_id(request, "job", idempotency_key)
    logger.append_keys(job_id=job_id)
    jobs = JobsTable(clients.dynamodb(), settings.jobs_table)
    job = jobs.get(job_id) if idempotency_key else None
    if job is None or job.has_expired(time.time(), settings.retention_days):
        job = jobs.put(_describe_new_job(job_id, request, settings), settings.retention_days)
    if idempotency_key and job.request_digest != digest_request(request.body):
        raise Conflict(f"The {HEADER} {quote(idempotency_key)} was sent before, with another body")
    # Step Functions forgets an execution after 90 days, and would start a job that has ended once more.
    if job.status is JobStatus.RUNNING and not _is_late(job, LAST_START * settings.deadline_seconds):
        _start_job(job, settings)
    logger.info("Job created", models=[model.package_name for model in job.models])
    told = {"idempotency_key": idempotency_key} if idempotency_key else {}
    return {"job_id": job_id, "message": "This endpoint will create videojob"} | told


def _make_id(request: HttpRequest, what: str, idempotency_key: str | None) -> str:
    return request.caller.make_id(what, idempotency_key) if idempotency_key else str(uuid.uuid4())


def _start_job(job: Job, settings: ApiSettings) -> None:
    """Starts a job's execution. For a record whose execution has been started, this changes nothing."""
    stepfunctions = clients.stepfunctions()
    with suppress(stepfunctions.exceptions.ExecutionAlreadyExists):
        stepfunctions.start_execution(
            stateMachineArn=settings.state_machine_arn,
            # Step Functions keeps names for 90 days, and the record of a job with the same ID may have expired by then.
            name=f"{job.job_id}-{job.created_at}",
            input=json.dumps({"job_id": job.job_id}),
        )


def show_job(request: HttpRequest, settings: ApiSettings) -> dict[str, Any]:
    """`GET /videoinfer`: the state of a job.

    Raises:
        BadRequest: `job_id` is missing.
        NotFound: there is no such job, its record has expired, or another key made it.
        PolledTooOften: the last poll of this running job was less than the minimum interval ago.
    """
    job_id = request.query.get("job_id")
    if not job_id:
        raise BadRequest("job_id is missing from the query")
    jobs = JobsTable(clients.dynamodb(), settings.jobs_table)
    # Malformed ids can't exist; reject them before DynamoDB does, which limits keys in length and characters.
    job = jobs.get(job_id) if NAME.fullmatch(job_id) else None
    # A state machine that was stopped or timed out updates no record.
    if job and job.status is JobStatus.RUNNING and _is_late(job, settings.deadline_seconds):
        # Recorded before it is said, so that an execution that was started or redriven late can't end it as done.
        hours = settings.deadline_seconds / 3600
        job = jobs.fail(job_id, f"The job did not finish within {hours:g} hours")
    if job is None or not request.caller.may_see(job.key_digest):
        raise NotFound(f"Job {quote(job_id)} not found")
    logger.append_keys(job_id=job_id)
    answer = _describe_job(job, settings)
    if answer["status"] == JobStatus.RUNNING and settings.poll_seconds_min:
        # Whole seconds, so that a client with another clock is not refused for a few milliseconds.
        wait_seconds = jobs.remember_poll(job_id, int(time.time()), settings.poll_seconds_min)
        if wait_seconds:
            raise PolledTooOften(f"This job may be polled once in {settings.poll_seconds_min} seconds", wait_seconds)
    return answer


def _describe_job(job: Job, settings: ApiSettings) -> dict[str, Any]:
    cost: dict[str, Any] = {} if job.cost_usd is None else {"cost_usd": round(job.cost_usd, 6)}
    told = cost | ({"note": job.note} if job.note else {})
    if job.start_offset is not None:
        told["start_offset"] = job.start_offset
    if job.status is JobStatus.DONE:
        url = sign_results(clients.s3(), settings.videos_bucket, results_key(job.job_id))
        return {"status": JobStatus.DONE, "output_signed_url": url} | told
    if job.status is JobStatus.FAILED:
        return {"status": JobStatus.FAILED, "error": job.error} | cost
    return {"status": JobStatus.RUNNING} | ({} if job.progress is None else {"progress": job.progress}) | told


def _is_late(job: Job, seconds: float) -> bool:
    """Whether a job is older than that."""
    return time.time() > job.created_at + seconds


def _fill_in_versions(body: dict[str, Any], settings: ApiSettings) -> dict[str, Any]:
    """Replaces each `model_version` that is null by the only version of the model.

    The official client sends null for classification and keypoint detection models of `version(…).models()`, because
    these classes don't keep the version that their id ends in: `models/classification.py` and
    `models/keypoint_detection.py` of https://github.com/roboflow/roboflow-python, version 1.7.3.
    """
    models = body.get("models")
    if not isinstance(models, list) or len(models) > settings.max_models:
        return body
    return {**body, "models": [_fill_in_version(model, index, settings) for index, model in enumerate(models)]}


def _fill_in_version(model: Any, index: int, settings: ApiSettings) -> Any:
    if not isinstance(model, dict) or model.get("model_version", "") is not None:
        return model
    model_id = model.get("model_id")
    if not isinstance(model_id, str) or not NAME.fullmatch(model_id):
        return model
    versions = list_versions(clients.s3(), settings.models_bucket, model_id).get(model_id, [])
    if not versions:
        raise NotFound(f"Model {model_id} not found")
    if len(versions) > 1:
        raise BadRequest(f"models[{index}].model_version is null, but the model has {len(versions)} versions")
    return {**model, "model_version": versions[0].version}


def _find_package(model: ModelRequest, index: int, models_bucket: str) -> ModelPackage:
    try:
        package = describe_package(clients.s3(), models_bucket, model.package_name)
    except ModelPackageInvalid as error:
        raise BadRequest(f"models[{index}]: {error}") from error
    if package is None:
        raise NotFound(f"Model {model.package_name} not found")
    if package.task_type != model.inference_type:
        raise BadRequest(f"models[{index}].inference_type must be {package.task_type} for {model.package_name}")
    return package


def _describe_new_job(job_id: str, request: HttpRequest, settings: ApiSettings) -> Job:
    wanted = JobRequest.parse(_fill_in_versions(request.body, settings), settings.still_frames)
    if len(wanted.models) > settings.max_models:
        raise BadRequest(f"models must be at most {settings.max_models}, not {len(wanted.models)}")
    packages = [_find_package(model, index, settings.models_bucket) for index, model in enumerate(wanted.models)]
    uploaded = find_upload_key(clients.s3(), settings.videos_bucket, wanted.input_url)
    return Job(
        job_id=job_id,
        infer_fps=wanted.infer_fps,
        models=wanted.models,
        video_key=uploaded or video_key(job_id),
        input_url=None if uploaded else wanted.input_url,
        created_at=int(time.time()),
        key_digest=request.caller.digest,
        request_digest=digest_request(request.body) if read_idempotency_key(request.headers) else None,
        infer_seconds=round(sum(package.frame_seconds for package in packages), 6),
    )

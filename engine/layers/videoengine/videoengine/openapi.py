"""The API's OpenAPI 3.1 document. Its limits are the constants that requests are checked against."""

from typing import Any

from videoengine.destinations import HOST_NAME
from videoengine.idempotency import HEADER, IDEMPOTENCY_KEY
from videoengine.job_requests import MAX_FILE_NAME_LENGTH, MAX_INFER_FPS, MAX_URL_LENGTH, NAME, OFFSET_KEYS
from videoengine.jobs import JobStatus
from videoengine.model_packages import TASK_TYPES
from videoengine.still_frames import StillFrames
from videoengine.video_formats import VIDEO_EXTENSIONS

type Json = dict[str, Any]

_NAME = {"type": "string", "pattern": f"^{NAME.pattern}$"}
# 80, 443, and 1024 to 65535.
_PORT = (
    "(80|443|102[4-9]|10[3-9][0-9]|1[1-9][0-9]{2}|[2-9][0-9]{3}"
    "|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_COUNT = {"type": "integer", "minimum": 0}
_RATIO = {"type": "number", "minimum": 0, "maximum": 1}
_STILL_FRAMES = {
    "enum": list(StillFrames),
    "description": (
        "With `reuse`, a frame that does not differ visibly from the last inferred one repeats its predictions; its "
        "`repeated_from` is the frame_offset of that one. The stack's parameter StillFrames has the default."
    ),
}
_TIME = {"type": "integer", "description": "Seconds since the epoch."}
_RETRY_AFTER = {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer", "minimum": 1}}
_SHOW_JOB = {"showJob": {"operationId": "showJob", "parameters": {"job_id": "$response.body#/job_id"}}}
_ANY_OBJECT = {"type": "object"}
_IDEMPOTENCY_KEY = {
    "name": HEADER,
    "in": "header",
    "description": "The same key and body get the same answer, as long as the job's record exists.",
    "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
}
_STATE = {
    "progress": {"type": "number", "minimum": 0, "maximum": 100},
    "note": {"type": "string", "minLength": 1, "description": "A remark about the video."},
    "start_offset": {
        "type": "number",
        "description": "Seconds from a player's 0 to the first frame, where time_offset is 0.",
    },
    "cost_usd": {
        "type": "number",
        "minimum": 0,
        "description": "US dollars that the job has cost on AWS so far, by the published prices of us-east-1.",
    },
}
_URL = {"type": "string", "format": "uri"}
_TEXT = {"type": "string"}
_ERRORS = {
    400: "A field is missing or wrong; the error names it",
    401: "The API key is unknown",
    404: "Not found",
    409: "The Idempotency-Key was sent before, with another body",
    429: "Polled too often",
    500: "The engine failed; the error names the request in its log",
}


def describe_api(max_models: int) -> Json:
    """The OpenAPI document.

    Each path of the hosted API is in it once. The engine serves it with and without its trailing slash.
    `x-video-extensions` lists the extensions of the videos that the engine reads; callers may ask before they upload.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "videoinfer engine",
            "version": "1.0.0",
            "description": "Roboflow's Video Inference API, self-hosted.",
        },
        "x-video-extensions": list(VIDEO_EXTENSIONS),
        "servers": [{"url": "/"}],
        "security": [{"api_key": []}],
        "paths": _describe_paths(),
        "components": {
            "securitySchemes": {"api_key": {"type": "apiKey", "in": "query", "name": "api_key"}},
            "schemas": {**_describe_requests(max_models), **_describe_answers(), **_describe_projects()},
        },
    }


def _describe_paths() -> Json:
    job_id = _parameter("job_id", "query")
    workspace, project, version = (_parameter(name, "path") for name in ("workspace", "project", "version"))
    training_id = {**_parameter("trainingId", "query"), "required": False}
    return {
        "/video_upload_signed_url/": {
            "post": _operation(
                "signUploadUrl",
                "Sign a URL to PUT a video to",
                "SignedUrl",
                [400],
                parameters=[_IDEMPOTENCY_KEY],
                body="Upload",
            )
        },
        "/videoinfer/": {
            "post": _operation(
                "createJob",
                "Start a job",
                "CreatedJob",
                [400, 404, 409],
                parameters=[_IDEMPOTENCY_KEY],
                body="Job",
                links=_SHOW_JOB,
            ),
            "get": _operation("showJob", "Show the state of a job", "JobState", [400, 404, 429], parameters=[job_id]),
        },
        "/": {"post": _operation("showKey", "Show the workspace of an API key", "Key", [])},
        "/{workspace}": {
            "get": _operation("showWorkspace", "List the models", "Workspace", [], parameters=[workspace])
        },
        "/{workspace}/{project}": {
            "get": _operation(
                "showProject", "Show a model and its versions", "Project", [404], parameters=[workspace, project]
            )
        },
        "/{workspace}/{project}/{version}/v2/trainings": {
            "get": _operation(
                "listTrainings",
                "List the trainings of a version",
                "Trainings",
                [404],
                parameters=[workspace, project, version],
            )
        },
        "/{workspace}/{project}/{version}/v2/trainings/get": {
            "get": _operation(
                "showTraining",
                "Show a training and its models",
                "Training",
                [404],
                parameters=[workspace, project, version, training_id],
            )
        },
        "/openapi.json": {
            "get": {
                "operationId": "showApi",
                "summary": "Show this document",
                "security": [],
                "responses": {"200": _answer("The document", {"type": "object"})},
            }
        },
    }


def _operation(
    name: str,
    summary: str,
    answer: str,
    errors: list[int],
    *,
    parameters: list[Json] | None = None,
    body: str = "",
    links: Json | None = None,
) -> Json:
    operation: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": _answer(summary, _reference(answer)),
            **{str(status): _answer(_ERRORS[status], _reference("Error")) for status in sorted([*errors, 401, 500])},
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _reference(body)}}}
    if links:
        operation["responses"]["200"]["links"] = links
    if 429 in errors:
        operation["responses"]["429"]["headers"] = {"Retry-After": _RETRY_AFTER}
    return operation


def _describe_requests(max_models: int) -> Json:
    parameters = {
        "type": ["object", "null"],
        "properties": {"confidence": _RATIO, "iou_threshold": _RATIO, "still_frames": _STILL_FRAMES},
        "additionalProperties": False,
    }
    return {
        "Upload": _request({"file_name": {"type": "string", "pattern": r"\S", "maxLength": MAX_FILE_NAME_LENGTH}}),
        "Job": _request(
            {
                "input_url": {
                    "type": "string",
                    "description": "The host may also be an IPv6 address in brackets.",
                    "pattern": rf"^[Hh][Tt][Tt][Pp][Ss]?://{HOST_NAME}(:{_PORT}?)?([/?#][\s\S]*)?$",
                    "maxLength": MAX_URL_LENGTH,
                },
                "infer_fps": {"type": "number", "minimum": 1, "maximum": MAX_INFER_FPS},
                "models": {"type": "array", "minItems": 1, "maxItems": max_models, "items": _reference("Model")},
            }
        ),
        "Model": _request(
            {
                "model_id": {**_NAME, "not": {"enum": list(OFFSET_KEYS)}},
                "model_version": {
                    "anyOf": [_NAME, _COUNT, {"type": "null"}],
                    "description": "null names the only version of the model.",
                },
                "inference_type": {"enum": list(TASK_TYPES)},
            },
            optional={"inference_params": parameters},
        ),
    }


def _describe_answers() -> Json:
    return {
        "SignedUrl": _answer_of({"signed_url": _URL}),
        "CreatedJob": _answer_of(
            {"job_id": {"type": "string", "format": "uuid"}, "message": _TEXT}, optional={"idempotency_key": _TEXT}
        ),
        "JobState": {
            "oneOf": [
                _answer_of({"status": {"const": int(JobStatus.DONE)}, "output_signed_url": _URL}, optional=_STATE),
                _answer_of({"status": {"const": int(JobStatus.RUNNING)}}, optional=_STATE),
                _answer_of({"status": {"const": int(JobStatus.FAILED)}, "error": _TEXT}, optional=_STATE),
            ]
        },
        "Error": _answer_of({"error": {"type": "string", "minLength": 1}}),
    }


def _describe_projects() -> Json:
    owner = {"name": _TEXT, "url": _TEXT, "members": _list({"type": "object"})}
    dataset = {"id": _TEXT, "name": _TEXT, "created": _TIME, "images": _COUNT, "splits": _ANY_OBJECT}
    model = {
        **dataset,
        "type": {"enum": list(TASK_TYPES)},
        "updated": _TIME,
        "unannotated": _COUNT,
        "annotation": _TEXT,
        "public": {"type": "boolean"},
        "classes": {"type": "object", "additionalProperties": _COUNT},
        "colors": _ANY_OBJECT,
    }
    version = {
        **dataset,
        "preprocessing": _ANY_OBJECT,
        "augmentation": _ANY_OBJECT,
        "exports": _list(_TEXT),
        "model": _answer_of({"id": _TEXT, "type": _TEXT}),
    }
    training = {"status": {"const": "finished"}, "modelType": _TEXT, "modelIds": _list(_TEXT)}
    return {
        "Key": _answer_of({"workspace": _TEXT}),
        "Workspace": _answer_of({"workspace": _answer_of({**owner, "projects": _list(_answer_of(model))})}),
        "Project": _answer_of(
            {"workspace": _answer_of(owner), "project": _answer_of(model), "versions": _list(_answer_of(version))}
        ),
        "Trainings": _answer_of({"trainings": _list(_answer_of({"id": _TEXT, **training}))}),
        "Training": _answer_of({"trainingId": _TEXT, **training, "models": _list(_answer_of({"modelId": _TEXT}))}),
    }


def _request(required: Json, optional: Json | None = None) -> Json:
    # Further fields are ignored, as in the hosted API.
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def _answer_of(required: Json, optional: Json | None = None) -> Json:
    return _request(required, optional) | {"additionalProperties": False}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, place: str) -> Json:
    return {"name": name, "in": place, "required": True, "schema": {"type": "string", "minLength": 1}}

"""The API: signs uploads, creates jobs, reports their state, and lists models for the official client."""

from dataclasses import replace
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videoengine.api import (
    create_job,
    list_trainings,
    show_api,
    show_job,
    show_key,
    show_project,
    show_training,
    show_workspace,
    sign_upload_url,
)
from videoengine.api_keys import check_api_key
from videoengine.http_api import Answer, answer, answer_errors, read_request
from videoengine.logs import logger
from videoengine.settings import ApiSettings, read_settings

OPEN_ROUTES = {
    "GET /openapi.json": show_api,
}
ROUTES = {
    "POST /video_upload_signed_url": sign_upload_url,
    "POST /videoinfer": create_job,
    "GET /videoinfer": show_job,
    "POST /": show_key,
    "GET /{workspace}": show_workspace,
    "GET /{workspace}/{project}": show_project,
    "GET /{workspace}/{project}/{version}/v2/trainings": list_trainings,
    "GET /{workspace}/{project}/{version}/v2/trainings/get": show_training,
}


@logger.inject_lambda_context(clear_state=True)
@answer_errors
def handler(event: dict[str, Any], context: LambdaContext) -> Answer:  # noqa: ARG001
    request = read_request(event, [*OPEN_ROUTES, *ROUTES])
    settings = read_settings(ApiSettings)
    if show := OPEN_ROUTES.get(request.route):
        return answer(200, show(request, settings))
    caller = check_api_key(request.query.get("api_key"), settings.api_keys_secret)
    return answer(200, ROUTES[request.route](replace(request, caller=caller), settings))

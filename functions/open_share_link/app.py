"""open_share_link: redirects a notice's share link to the shared file, or answers with a page that says why not."""

import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.connections import connect_s3, open_ledger, read_share_links
from videojobs.logs import logger
from videojobs.open_share_link import SharedOutputs, read_request
from videojobs.settings import OpenShareLinkSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Takes a request to the HTTP API and returns the response. It does not log the path, which holds the token."""
    settings = read_settings(OpenShareLinkSettings, os.environ)
    answer = build_outputs(settings).answer(read_request(event), datetime.now(UTC))
    logger.info("A share link has been answered.", status=answer["statusCode"])
    return answer


def build_outputs(settings: OpenShareLinkSettings) -> SharedOutputs:
    return SharedOutputs(
        read_share_links(settings.share_key_secret, settings.share_url),
        open_ledger(settings.jobs_table),
        connect_s3(),
        settings.results_bucket,
    )

"""open_share_link: a link from a notice becomes a redirect to what it opens, or a page that says why not."""

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
    """Takes a request of the HTTP API and returns its answer. The token is in the path: neither is logged."""
    settings = read_settings(OpenShareLinkSettings, os.environ)
    answer = build_outputs(settings).answer(read_request(event), datetime.now(UTC))
    logger.info("A share link is answered.", status=answer["statusCode"])
    return answer


def build_outputs(settings: OpenShareLinkSettings) -> SharedOutputs:
    return SharedOutputs(
        read_share_links(settings.share_key_secret, settings.share_url),
        open_ledger(settings.jobs_table),
        connect_s3(),
        settings.results_bucket,
    )

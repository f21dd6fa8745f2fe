"""send_digest: collects the notices for a digest before it is published, and concludes them afterwards."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.connections import connect_sfn, open_pending_notices, read_share_links
from videojobs.logs import logger
from videojobs.send_digest import DigestSending
from videojobs.settings import SendDigestSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, str]:  # noqa: ARG001
    """Takes the step (`collect` or `conclude`), the ARN of the execution that sends the digest, and how many tries
    of the step came before.
    """
    sending = build_sending(read_settings(SendDigestSettings, os.environ))
    step, execution = event["step"], event["execution"]
    logger.append_keys(execution=execution)
    return sending.collect(execution, event["tries"]) if step == "collect" else sending.conclude(execution)


def build_sending(settings: SendDigestSettings) -> DigestSending:
    return DigestSending(
        pending=open_pending_notices(settings.pending_notices_table),
        sfn=connect_sfn(),
        links=read_share_links(settings.share_key_secret, settings.share_url, force_fetch=True),
        share_link_days=settings.share_link_days,
    )

"""Makes a link to a job's report, like the one in its notice, with the stack's own key."""

from datetime import UTC, datetime

from botocore.exceptions import ClientError

from videoinfer.aws_errors import is_refused
from videoinfer.ledger_view import Item
from videoinfer.pipeline_stack import PipelineStack, find_resource
from videojobs.notices.share_links import SharedJob, ShareLink, ShareLinks


def make_link(stack: PipelineStack, item: Item) -> ShareLink:
    """A link that opens the job's report, or its results without one, for the stack's ShareLinkDays.

    Raises:
        ClientError: AWS does not allow the person to read the key (`secretsmanager:GetSecretValue`).
    """
    function = find_resource(stack, "OpenShareLinkFunction")
    configuration = stack.clients.lambda_.get_function_configuration(FunctionName=function)
    variables = configuration["Environment"]["Variables"]
    secret = stack.clients.secretsmanager.get_secret_value(SecretId=variables["SHARE_KEY_SECRET"])
    links = ShareLinks(secret["SecretString"], variables["SHARE_URL"])
    job = SharedJob(item["upload_id"], int(item["attempt"]))
    return links.make(job, datetime.now(UTC), stack.share_link_days)


def find_link(stack: PipelineStack, item: Item) -> str | None:
    """A new link to the job's report; None if it has none yet, or if the person may not make one."""
    if not item.get("results_location"):
        return None
    try:
        return make_link(stack, item).url
    except ClientError as error:
        if is_refused(error):
            return None
        raise

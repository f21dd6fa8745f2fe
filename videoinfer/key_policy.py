"""Who a KMS key's policy has to let in, so that a pipeline's stores may be encrypted by it."""

from typing import Any


def find_left_out(policy: Any, *, region: str, account: str) -> dict[str, str]:
    """Who has to be let in by a key's policy and is not, with what comes of it."""
    principals = [statement["Principal"] for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    # In China some services have a name of their own there: https://github.com/aws/aws-cdk, region-info, default.ts.
    services = {
        service.removesuffix(".cn")
        for it in principals
        if isinstance(it, dict)
        for service in _as_list(it.get("Service"))
    }
    accounts = {who for it in principals if isinstance(it, dict) for who in _as_list(it.get("AWS"))}
    needed = {
        "s3.amazonaws.com": "uploads are not announced",
        "cloudwatch.amazonaws.com": "alarms reach nobody",
        "events.amazonaws.com": "aborted executions are not reported",
        f"logs.{region}.amazonaws.com": "logs can't be written",
    }
    left_out = {service: so_what for service, so_what in needed.items() if service not in services}
    if not any(f":{account}:root" in who or who in (account, "*") for who in accounts):
        left_out["the account"] = "what the functions' roles say of it does not count, unless it names each of them"
    return left_out


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]

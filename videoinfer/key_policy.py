"""Checks whether a KMS key's policy allows all principals that a pipeline needs."""

from typing import Any

from videoinfer.deployed_policies import as_list


def find_left_out(policy: Any, *, region: str, account: str) -> dict[str, str]:
    """The principals that a key's policy has to allow but does not, each with the consequence."""
    principals = [statement["Principal"] for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    named = [it for it in principals if isinstance(it, dict)]
    # Some services have another name in China: https://github.com/aws/aws-cdk, region-info, default.ts.
    services = {service.removesuffix(".cn") for it in named for service in as_list(it.get("Service", []))}
    accounts = {who for it in named for who in as_list(it.get("AWS", []))}
    needed = {
        "s3.amazonaws.com": "S3 can't send events for uploads",
        "cloudwatch.amazonaws.com": "alarms can't be delivered",
        "events.amazonaws.com": "aborted executions are not reported",
        f"logs.{region}.amazonaws.com": "logs can't be written",
    }
    left_out = {service: so_what for service, so_what in needed.items() if service not in services}
    if not any(f":{account}:root" in who or who in (account, "*") for who in accounts):
        left_out["the account"] = "the functions' roles can't use the key unless its policy names each of them"
    return left_out

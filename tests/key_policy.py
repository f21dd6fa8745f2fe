"""The policy of a customer-managed KMS key, as the documentation gives it."""

import re

from tests.templates import ROOT


def read_documented_policy(*, region: str, account: str) -> str:
    """Reads the policy's JSON in `docs/operations.md`, for one region and account."""
    section = (ROOT / "docs" / "operations.md").read_text().split("## Customer-managed KMS key")[1]
    [policy] = re.findall(r"```json\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    return str(policy).replace("PARTITION", "aws").replace("REGION", region).replace("ACCOUNT", account)

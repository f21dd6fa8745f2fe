"""A check that can't be made is wrong, and says why."""

from botocore.exceptions import ClientError

from videoinfer.verification.looking import look
from videoinfer.verification.verdicts import (
    Unavailable,
    Verdict,
)


def test_what_can_not_be_looked_at_is_wrong() -> None:
    def refuse() -> Verdict:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Not you."}}, "StartQueryExecution")

    def miss() -> Verdict:
        raise Unavailable("s3://results/results.json is not there.")

    assert look("tables", refuse).what.startswith("Could not look. AWS refused StartQueryExecution: Not you. ")
    outcome = look("results.json", miss)
    assert (outcome.check, outcome.level) == ("results.json", "wrong")
    assert outcome.what == "s3://results/results.json is not there."

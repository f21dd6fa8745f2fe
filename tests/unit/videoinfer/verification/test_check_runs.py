"""A check that can't be carried out is wrong, and says why."""

from botocore.exceptions import ClientError

from videoinfer.verification.check_runs import run_check
from videoinfer.verification.verdicts import (
    Unavailable,
    Verdict,
)


def test_a_check_that_fails_is_wrong() -> None:
    def refuse() -> Verdict:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Not you."}}, "StartQueryExecution")

    def miss() -> Verdict:
        raise Unavailable("s3://results/results.json is not there.")

    assert run_check("tables", refuse).what.startswith("Could not check. AWS refused StartQueryExecution: Not you. ")
    outcome = run_check("results.json", miss)
    assert (outcome.check, outcome.level) == ("results.json", "wrong")
    assert outcome.what == "s3://results/results.json is not there."

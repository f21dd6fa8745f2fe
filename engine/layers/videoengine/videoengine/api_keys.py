"""Who may call the API."""

import hashlib
import hmac

from aws_lambda_powertools.utilities import parameters

from videoengine.errors import UnknownKey

KEYS_KEPT_SECONDS = 300


def check_api_key(api_key: str | None, secret_name: str) -> None:
    """Lets the keys pass whose digests are in the secret: a comma-separated list, read again after five minutes.

    A digest without salt is enough, because keys are random and long: there is nothing to guess.

    Raises:
        UnknownKey: this is none of them.
    """
    known = str(parameters.get_secret(secret_name, max_age=KEYS_KEPT_SECONDS)).split(",")
    given = hashlib.sha256((api_key or "").encode(errors="surrogatepass")).hexdigest()
    # Every digest is compared, each in constant time: how long an answer takes tells nothing about them.
    matches = [hmac.compare_digest(given, digest.strip()) for digest in known]
    if not any(matches):
        raise UnknownKey("This api_key is not known here: pass one of the engine's keys as the query parameter api_key")

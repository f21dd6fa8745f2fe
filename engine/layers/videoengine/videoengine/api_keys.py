"""Checks API keys."""

import hashlib
import hmac

from aws_lambda_powertools.utilities import parameters

from videoengine.errors import UnknownKey

KEY_CACHE_SECONDS = 300


def check_api_key(api_key: str | None, secret_name: str) -> None:
    """Accepts the keys whose SHA-256 digests are in the secret.

    The digests have no salt, because keys are random and too long to guess.

    Args:
        api_key: the key that the caller passed, if any.
        secret_name: a secret of Secrets Manager: digests in hex, separated by commas. It is cached for
            `KEY_CACHE_SECONDS`.

    Raises:
        UnknownKey: the digest of `api_key` is not in the secret.
    """
    known = str(parameters.get_secret(secret_name, max_age=KEY_CACHE_SECONDS)).split(",")
    given = hashlib.sha256((api_key or "").encode(errors="surrogatepass")).hexdigest()
    # Compare all digests, each in constant time, so that the response time reveals nothing about them.
    matches = [hmac.compare_digest(given, digest.strip()) for digest in known]
    if not any(matches):
        raise UnknownKey("This api_key is not known here: pass one of the engine's keys as the query parameter api_key")

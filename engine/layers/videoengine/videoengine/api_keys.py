"""Checks API keys, and tells which jobs belong to whom."""

import hashlib
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from aws_lambda_powertools.utilities import parameters

from videoengine.errors import UnknownKey

KEY_CACHE_SECONDS = 300

_NAMESPACE = uuid.UUID("6f1c2a04-52a5-4f0c-9d0e-0b1a8a5b7c11")


@dataclass(frozen=True)
class Caller:
    """Who sent a request.

    Attributes:
        digest: the SHA-256 digest, in hex, of the key that was passed.
        digests: the digests of the keys that belong together with it, in the secret's order: at least its own, but none
            of `NOBODY`.
    """

    digest: str
    digests: Sequence[str]

    def may_see(self, key_digest: str | None) -> bool:
        """Whether a job may be shown that was made with the key of a digest; None if its record has no digest."""
        return bool(self.digests) and (key_digest is None or key_digest in self.digests)

    def make_id(self, what: str, idempotency_key: str) -> str:
        """An id that is always the same for these keys, this kind of object, and an `Idempotency-Key`.

        It stays the same when a key is changed: the new one is added after the old one. Callers with other keys can't
        compute it.
        """
        text = f"{what} {idempotency_key}".encode()
        keyed = hmac.new(self.digests[0].encode(), text, hashlib.sha256)
        return str(uuid.uuid5(_NAMESPACE, keyed.hexdigest()))


NOBODY = Caller("", ())


def check_api_key(api_key: str | None, secret_name: str) -> Caller:
    """Accepts the keys whose SHA-256 digests are in the secret.

    The digests have no salt, because keys are random and too long to guess.

    Args:
        api_key: the key that the caller passed, if any.
        secret_name: a secret of Secrets Manager: digests in hex, separated by commas. Digests of keys that belong
            together have a plus sign between them. It is cached for `KEY_CACHE_SECONDS`.

    Raises:
        UnknownKey: the digest of `api_key` is not in the secret.
    """
    secret = str(parameters.get_secret(secret_name, max_age=KEY_CACHE_SECONDS))
    groups = [[digest.strip() for digest in group.split("+")] for group in secret.split(",")]
    given = hashlib.sha256((api_key or "").encode(errors="surrogatepass")).hexdigest()
    # Compare all digests, each in constant time, so that the response time reveals nothing about them.
    matches = [[hmac.compare_digest(given, digest) for digest in group] for group in groups]
    found = [digest for group, matching in zip(groups, matches, strict=True) if any(matching) for digest in group]
    if not found:
        raise UnknownKey("This api_key is not known here: pass one of the engine's keys as the query parameter api_key")
    return Caller(given, found)

"""Secrets that are shown once: of each its digest is kept."""

from hashlib import sha256
from uuid import UUID


def digest_of(secret: str) -> str:
    """Return what is kept of a secret; it has 256 bits of chance, so that one round of a hash is enough."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def split_token(token: str, owner: UUID) -> str | None:
    """Return the secret in a token of a tenant ("<its public id>.<secret>"), None if it is another's or none."""
    prefix, _, secret = token.partition(".")
    return secret if secret and prefix == str(owner) else None

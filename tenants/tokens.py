"""Secrets that are shown once: of each its digest is kept."""

from hashlib import sha256


def digest_of(secret: str) -> str:
    """Return what is kept of a secret; it has 256 bits of chance, so that one round of a hash is enough."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

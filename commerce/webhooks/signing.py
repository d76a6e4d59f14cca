"""Signatures of what is sent, as receivers of the dialect check them; and the headers that carry them.

With a tenant's key: a JWS (RFC 7515) by RS256 over the body's bytes as they are, with the payload left out ("detached",
RFC 7797: `b64` false), so `header..signature`. With a secret of the receiver's: HMAC-SHA256 of the body in hex.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from jwt import api_jws
from jwt.algorithms import RSAAlgorithm

from commerce.errors import DomainError

_BITS = 2048
# Parsed private keys that one process keeps: of the tenants that it has signed for last.
_MOST_KEYS = 2000


class CannotUnseal(DomainError):
    """A signing key was sealed under a SECRET_KEY that is neither the current one nor among SECRET_KEY_FALLBACKS."""

    code = "INVALID_KEY"


@dataclass(frozen=True, slots=True)
class Key:
    """A tenant's key: `sealed` is the private key in PEM under SECRET_KEY, `kid` its thumbprint (RFC 7638)."""

    kid: str
    sealed: str


@dataclass(frozen=True, slots=True)
class NewKey(Key):
    """A key that was just made, with its public half as a JWK (RFC 7517)."""

    public_jwk: Mapping[str, Any]


def new_key() -> NewKey:
    """Make a key pair. It takes some tenths of a second."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    numbers = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    kid = thumbprint(numbers)
    public = {
        **{name: numbers[name] for name in ("kty", "n", "e")},
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "key_ops": ["verify"],
    }
    return NewKey(kid, _sealer(*_secrets()).encrypt(pem).decode(), public)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the thumbprint of an RSA key (RFC 7638): SHA-256 in base64url."""
    members = {name: jwk[name] for name in ("e", "kty", "n")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def reseal(key: Key) -> Key:
    """Return the key sealed under the current SECRET_KEY, or raise CannotUnseal."""
    try:
        return Key(key.kid, _sealer(*_secrets()).rotate(key.sealed.encode()).decode())
    except InvalidToken:
        raise _cannot_unseal(key.kid) from None


def jwks(public_jwks: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the set of public keys (RFC 7517) that a tenant's host shows at `/.well-known/jwks.json`."""
    return {"keys": list(public_jwks)}


def sign(body: bytes, key: Key) -> str:
    """Return the detached JWS of a body; raise CannotUnseal if the key cannot be read.

    The first signature of a key in a process takes longer: reading the key takes some ten times of signing.
    """
    private = _private_key(key.kid, key.sealed)
    headers = {"kid": key.kid, "crit": ["b64"]}
    return api_jws.encode(body, private, algorithm="RS256", headers=headers, is_payload_detached=True)


def sign_with_secret(body: bytes, secret: str) -> str:
    """Return the HMAC-SHA256 of a body in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def domain_of(api_url: str) -> str:
    """Return the tenant's host with its port, as its apps know it by the address of its API."""
    return api_url.partition("://")[2].partition("/")[0]


def delivery_headers(*, event: str, api_url: str, signature: str) -> dict[str, str]:
    """Return the headers of a delivery: of the event (in any letter case), from whom, and the body's signature.

    `api_url` is exactly what the tenant's apps were installed with. Each of the deprecated twins (`X-Saleor-…`) has
    the same value.
    """
    named = {"Event": event.lower(), "Domain": domain_of(api_url), "Signature": signature}
    return {
        "Content-Type": "application/json",
        **{f"Saleor-{name}": value for name, value in named.items()},
        **{f"X-Saleor-{name}": value for name, value in named.items()},
        "Saleor-Api-Url": api_url,
    }


# --- Private keys under SECRET_KEY ------------------------------------------------------------------


def _secrets() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _sealer(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in secrets])


def _derived(secret: str) -> bytes:
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"commerce: signing keys")
    return base64.urlsafe_b64encode(derive.derive(secret.encode()))


@lru_cache(maxsize=_MOST_KEYS)
def _private_key(kid: str, sealed: str) -> rsa.RSAPrivateKey:
    try:
        pem = _sealer(*_secrets()).decrypt(sealed.encode())
    except InvalidToken:
        raise _cannot_unseal(kid) from None
    # The seal is authenticated: what comes out of it is a key that we made, whose primes need no proof again.
    loaded = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(loaded, rsa.RSAPrivateKey)  # noqa: S101
    return loaded


def _cannot_unseal(kid: str) -> CannotUnseal:
    return CannotUnseal(
        f"The signing key {kid} was sealed under another SECRET_KEY: name that one in SECRET_KEY_FALLBACKS, "
        "or give the tenant a new key (manage.py signing_keys rotate)."
    )

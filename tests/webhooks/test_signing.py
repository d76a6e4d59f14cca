"""Signatures as receivers check them, by other libraries than the one that makes them."""

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet, RSAKey

from commerce.db.scope import tenant_scope
from commerce.webhooks import keys, signing
from commerce.webhooks.signing import CannotUnseal, Key
from tenants import signing_keys

BODY = '{"__typename": "ProductUpdated", "product": {"name": "Käse 🧀"}}'.encode()


@pytest.fixture(scope="module")
def key():
    return signing.new_key()


@pytest.fixture(autouse=True)
def _forget():
    keys.forget()
    yield
    keys.forget()


def verify(signature: str, body: bytes, jwks: dict) -> dict:
    """Verify as app-sdk does: split it, put the body between, choose the key by the header's kid; return the header."""
    header, empty, tail = signature.split(".")
    assert empty == ""
    found = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    chosen = KeySet.import_key_set(jwks).get_by_kid(found["kid"])
    registry = jws.JWSRegistry(algorithms=["RS256"])
    jws.deserialize_compact(f"{header}..{tail}", chosen, payload=body, registry=registry)
    return found


# --- The JWS ------------------------------------------------------------------------------------------


def test_another_library_verifies_the_signature(key):
    header = verify(signing.sign(BODY, key), BODY, signing.jwks([key.public_jwk]))
    assert header == {"alg": "RS256", "b64": False, "crit": ["b64"], "kid": key.kid, "typ": "JWT"}


def test_the_signature_is_over_the_bytes_as_they_are(key):
    """RFC 7797: header, a dot, and the payload without any encoding; RSASSA-PKCS1-v1_5 with SHA-256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    header, _, tail = signing.sign(BODY, key).split(".")
    numbers = {
        name: int.from_bytes(base64.urlsafe_b64decode(key.public_jwk[name] + "=="), "big") for name in ("n", "e")
    }
    public = rsa.RSAPublicNumbers(numbers["e"], numbers["n"]).public_key()
    public.verify(
        base64.urlsafe_b64decode(tail + "=="), header.encode() + b"." + BODY, padding.PKCS1v15(), hashes.SHA256()
    )
    assert public.key_size == 2048


def test_tampering_does_not_verify(key):
    signature = signing.sign(BODY, key)
    jwks = signing.jwks([key.public_jwk])
    header, _, tail = signature.split(".")
    flipped = tail[:100] + ("A" if tail[100] != "A" else "B") + tail[101:]
    other_header = base64.urlsafe_b64encode(
        json.dumps({"alg": "RS256", "b64": False, "crit": ["b64"], "kid": key.kid}).encode()
    )
    for body, changed in [
        (BODY + b" ", signature),
        (BODY[:-1], signature),
        (b"", signature),
        (BODY.replace(b"Updated", b"Deleted"), signature),
        (BODY, f"{header}..{flipped}"),
        (BODY, f"{other_header.decode().rstrip('=')}..{tail}"),
    ]:
        with pytest.raises(BadSignatureError):
            verify(changed, body, jwks)


def test_another_tenants_key_does_not_verify(key):
    other = signing.new_key()
    jwks = signing.jwks([{**other.public_jwk, "kid": key.kid}])
    with pytest.raises(BadSignatureError):
        verify(signing.sign(BODY, key), BODY, jwks)


def test_the_kid_is_the_keys_thumbprint(key):
    assert RSAKey.import_key(dict(key.public_jwk)).thumbprint() == key.kid
    # RFC 7638, section 3.1
    example = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
        "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
        "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
        "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert signing.thumbprint(example) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_public_half_is_all_that_is_shown(key):
    assert set(key.public_jwk) == {"kty", "n", "e", "use", "alg", "kid", "key_ops"}
    assert [key.public_jwk[name] for name in ("kty", "e", "use", "alg", "key_ops")] == [
        *("RSA", "AQAB", "sig", "RS256"),
        ["verify"],
    ]
    assert "PRIVATE" not in key.sealed


def test_hmac_where_there_is_a_secret():
    assert signing.sign_with_secret(BODY, "geheim ü") == hmac.new("geheim ü".encode(), BODY, hashlib.sha256).hexdigest()
    # RFC 4231, test case 2
    assert signing.sign_with_secret(b"what do ya want for nothing?", "Jefe") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_the_headers_of_a_delivery():
    made = signing.delivery_headers(event="PRODUCT_UPDATED", api_url="http://shop.test:8000/graphql/", signature="a..b")
    assert made == {
        "Content-Type": "application/json",
        "Saleor-Event": "product_updated",
        "Saleor-Domain": "shop.test:8000",
        "Saleor-Signature": "a..b",
        "Saleor-Api-Url": "http://shop.test:8000/graphql/",
        "X-Saleor-Event": "product_updated",
        "X-Saleor-Domain": "shop.test:8000",
        "X-Saleor-Signature": "a..b",
    }


# --- Private keys under SECRET_KEY ----------------------------------------------------------------------


def test_a_key_is_read_under_an_earlier_secret_key(settings):
    settings.SECRET_KEY = "one"
    made = signing.new_key()
    settings.SECRET_KEY = "two"
    with pytest.raises(CannotUnseal) as raised:
        signing.sign(BODY, made)
    assert "SECRET_KEY_FALLBACKS" in raised.value.message
    with pytest.raises(CannotUnseal):
        signing.reseal(made)
    settings.SECRET_KEY_FALLBACKS = ["zero", "one"]
    verify(signing.sign(BODY, made), BODY, signing.jwks([made.public_jwk]))
    sealed = signing.reseal(made)
    settings.SECRET_KEY_FALLBACKS = []
    signing._private_key.cache_clear()
    verify(signing.sign(BODY, sealed), BODY, signing.jwks([made.public_jwk]))
    with pytest.raises(CannotUnseal):
        signing.sign(BODY, Key(made.kid, made.sealed))


def test_a_key_is_read_once_per_process(key, monkeypatch):
    signing.sign(BODY, key)
    monkeypatch.setattr(signing.serialization, "load_pem_private_key", None)
    verify(signing.sign(b"1", key), b"1", signing.jwks([key.public_jwk]))


# --- A tenant's keys ------------------------------------------------------------------------------------


def shown(client_for, shop) -> dict:
    answer = client_for(shop).get("/.well-known/jwks.json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer["Cache-Control"] == "public, max-age=60"
    return answer.json()


def test_a_shops_host_shows_its_key(client_for, tenant, other_tenant):
    jwks = shown(client_for, tenant)
    signature = signing.sign(BODY, keys.signing_key(tenant.id, timezone.now()))
    assert verify(signature, BODY, jwks)["kid"] == jwks["keys"][0]["kid"]
    assert shown(client_for, tenant) == jwks
    others = shown(client_for, other_tenant)
    assert len(jwks["keys"]) == len(others["keys"]) == 1
    assert others["keys"][0]["kid"] != jwks["keys"][0]["kid"]
    assert client_for(tenant).post("/.well-known/jwks.json").status_code == 405


def test_the_first_key_is_made_once(tenant):
    def ask(_):
        try:
            return keys.signing_key(tenant.id, timezone.now()).kid
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(ask, range(8)))
    assert len(found) == 1
    assert len(keys.public_keys(tenant.id, timezone.now())) == 1


def test_of_two_keys_at_once_one_is_kept(tenant):
    def add(made) -> bool:
        return signing_keys.add_signing_key(
            kid=made.kid, sealed=made.sealed, public_jwk=made.public_jwk, retire_at=timezone.now()
        )

    def add_elsewhere(made) -> bool:
        try:
            with tenant_scope(tenant.id):
                return add(made)
        finally:
            connections.close_all()

    ours, theirs = signing.new_key(), signing.new_key()
    with ThreadPoolExecutor(1) as pool:
        with tenant_scope(tenant.id):
            assert add(ours)
            late = pool.submit(add_elsewhere, theirs)
            _wait_for_a_lock()
        assert late.result() is False
    assert keys.signing_key(tenant.id, timezone.now()).kid == ours.kid


def _wait_for_a_lock() -> None:
    with connections["default"].cursor() as cursor:
        for _ in range(100):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.05)
    raise AssertionError("Nobody waits.")


def test_a_new_key_is_shown_before_it_signs_and_the_old_one_for_a_day(client_for, tenant):
    now = timezone.now()
    old = keys.signing_key(tenant.id, now)
    with tenant_scope(tenant.id):
        kid = keys.rotate(now)
    assert [jwk["kid"] for jwk in shown(client_for, tenant)["keys"]] == [kid, old.kid]
    for after, signer, are_shown in [
        (timedelta(seconds=10), old.kid, 2),
        (timedelta(minutes=3), kid, 2),
        (timedelta(hours=23), kid, 2),
        (timedelta(hours=25), kid, 1),
    ]:
        keys.forget()
        at = now + after
        assert keys.signing_key(tenant.id, at).kid == signer
        jwks = signing.jwks(keys.public_keys(tenant.id, at))
        assert len(jwks["keys"]) == are_shown
        verify(signing.sign(BODY, keys.signing_key(tenant.id, at)), BODY, jwks)


def test_a_key_that_others_may_have_is_gone_at_once(client_for, tenant):
    now = timezone.now()
    old = keys.signing_key(tenant.id, now)
    with tenant_scope(tenant.id):
        kid = keys.rotate(now, at_once=True)
    keys.forget()
    assert [jwk["kid"] for jwk in shown(client_for, tenant)["keys"]] == [kid]
    assert keys.signing_key(tenant.id, timezone.now()).kid == kid != old.kid


def test_no_sql_for_the_next_signature(tenant, count_sql):
    keys.signing_key(tenant.id, timezone.now())
    with count_sql() as statements:
        keys.signing_key(tenant.id, timezone.now())
    assert statements == []
    keys.forget()
    with count_sql() as statements:
        keys.signing_key(tenant.id, timezone.now())
    assert len(statements) == 1


def test_the_command(tenant, client_for, settings):
    def run(*arguments):
        out = StringIO()
        call_command("signing_keys", *arguments, stdout=out)
        return out.getvalue()

    assert run("list", tenant.slug) == f"{tenant.slug}\tnone yet\n"
    old = shown(client_for, tenant)["keys"][0]["kid"]
    assert run("list", tenant.slug) == f"{tenant.slug}\t{old} (current)\n"
    assert "will sign in two minutes" in run("rotate", tenant.slug)
    new = shown(client_for, tenant)["keys"][0]["kid"]
    assert run("list", tenant.slug) == f"{tenant.slug}\t{new} (current)\t{old} (retired)\n"
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert run("reseal", tenant.slug) == f"{tenant.slug}\t2 sealed again\n"
    settings.SECRET_KEY_FALLBACKS = []
    keys.forget()
    signature = signing.sign(BODY, keys.signing_key(tenant.id, timezone.now()))
    verify(signature, BODY, shown(client_for, tenant))
    with pytest.raises(CommandError, match="no tenant"):
        run("rotate", "there-is-none")

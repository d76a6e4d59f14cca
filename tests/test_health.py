"""What a load balancer is told, and callers without a primary; with real faults in tests/faults."""

import json
import os
import subprocess
import sys

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory

from commerce import health
from commerce.db.replicas import PrimaryUnavailable
from commerce.stack.layout import PROJECT

NOWHERE = "postgresql://commerce_app:x@127.0.0.1:9/commerce"


def run(code: str, **environment: str) -> str:
    """Return what a fresh process prints, with other addresses than ours."""
    found = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        env={**os.environ, "COMMERCE_ENV_FILE": "", "DJANGO_SETTINGS_MODULE": "commerce.settings", **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout + found.stderr[-2000:] if found.returncode else found.stdout


READY = """
import time
from django.test import Client
from commerce.db import replicas
replicas.choose()
time.sleep(1)
answer = Client(headers={"host": "nobody.test"}).get("/health/ready")
print(answer.status_code, answer.content.decode())
"""


def test_ready_says_how_each_database_is():
    answer = Client(headers={"host": "nobody.test"}).get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert set(answer.json()["databases"]) == {"default", "replica"}


def test_ready_while_the_primary_is_gone():
    status, body = run(READY, DATABASE_URL=NOWHERE).split(" ", 1)
    assert (status, json.loads(body)) == (
        "200",
        {"status": "read-only", "databases": {"default": "unreachable", "replica": "ok"}},
    )


def test_not_ready_without_any_database():
    status, body = run(READY, DATABASE_URL=NOWHERE, REPLICA_URL=NOWHERE).split(" ", 1)
    assert (status, json.loads(body)) == (
        "503",
        {"status": "unavailable", "databases": {"default": "unreachable", "replica": "unreachable"}},
    )


def test_a_primary_that_is_a_standby_takes_no_writes_and_is_none():
    status, body = run(READY, DATABASE_URL=os.environ["REPLICA_URL"]).split(" ", 1)
    assert (status, json.loads(body)["status"]) == ("200", "read-only")


def test_several_replicas_take_turns_and_a_dead_one_takes_none():
    code = """
import time
from django.conf import settings
from commerce.db import replicas
replicas.choose()
time.sleep(1)
print(*settings.REPLICAS, replicas.health()["replica3"], *sorted({replicas.choose() for _ in range(200)}))
"""
    live = os.environ["REPLICA_URL"]
    assert run(code, REPLICA_URLS=f"{live},{live},{NOWHERE}").split() == [
        *("replica", "replica2", "replica3"),
        *("unreachable", "replica", "replica2"),
    ]


def test_an_address_that_is_none_is_named():
    assert "REPLICA_URLS: entry 2 is no postgresql:// address" in run("", REPLICA_URLS=f"{NOWHERE},replica.example")


@pytest.mark.parametrize("path", ["/graphql/", "/admin/", "/media/x"])
@pytest.mark.parametrize("error", [PrimaryUnavailable(), OperationalError()])
def test_what_fails_for_want_of_a_primary_is_503(path, error):
    if isinstance(error, OperationalError):
        import psycopg

        error.__cause__ = psycopg.OperationalError("connection refused")
    try:
        raise error
    except Exception:
        answer = health.server_error(RequestFactory().get(path))
    assert (answer.status_code, answer.headers["Retry-After"], answer.headers["Cache-Control"]) == (
        503,
        "2",
        "no-store",
    )
    assert b"cannot be written to" in answer.content


def test_what_fails_for_itself_is_500():
    try:
        raise ZeroDivisionError
    except Exception:
        answer = health.server_error(RequestFactory().get("/admin/"))
    assert answer.status_code == 500

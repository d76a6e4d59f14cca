"""Tasks in a real Celery worker, which forks, on a real Redis."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections

from commerce import celery
from tests.outbox.conftest import PROJECT, new_event, publish, wait_until
from tests.outbox.recorder import tasks

QUEUE = f"test-{uuid4().hex}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """Return the address of the stack's broker, or of one started for the purpose."""
    if address := os.environ.get("REDIS_BROKER_URL"):
        yield address
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [shutil.which("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = subprocess.Popen(command, cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def worker(broker, tmp_path_factory):
    """Run a worker of two processes on a queue of its own; return its log."""
    celery.app.conf.broker_url = broker
    log = tmp_path_factory.mktemp("worker") / "log"
    options = ["--concurrency=2", "--queues", QUEUE, "--loglevel=INFO", "--without-gossip", "--without-mingle"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "commerce.celery", "worker", *options, "--hostname", f"{QUEUE}@%h"],
            cwd=PROJECT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.outbox.settings", "REDIS_BROKER_URL": broker},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    wait_until(lambda: " ready." in log.read_text() or process.poll() is not None, what="the worker")
    yield log
    process.terminate()
    assert process.wait(30) == 0
    celery.app._pool = celery.app.amqp._producer_pool = None  # closed, the app would take no further tasks


@pytest.fixture
def run(worker, tmp_path):
    """Return a function that queues a task a number of times and returns what it wrote down."""

    def run(task, *, times: int = 1, lines: int | None = None, **arguments) -> list[dict]:
        path = tmp_path / uuid4().hex
        for _ in range(times):
            task.apply_async(kwargs={"path": str(path), **arguments}, queue=QUEUE)
        wait_until(lambda: len(_lines(path)) >= (lines or times), what=f"{task.name}\n{worker.read_text()}")
        return [json.loads(line) for line in _lines(path)]

    return run


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_tenants_task_sees_its_tenant_and_no_other(tenant, other_tenant, run):
    publish(tenant, new_event(event_type="test.mine"))
    publish(other_tenant, new_event(event_type="test.theirs"))

    for shop, event_type in ((tenant, "test.mine"), (other_tenant, "test.theirs")):
        (seen,) = run(tasks.look, tenant_id=shop.id)
        assert (seen["given"], seen["tenants"], seen["types"]) == (shop.id, [shop.id], [event_type])


def test_a_task_without_a_tenant_sees_nothing(tenant, run):
    publish(tenant, new_event())
    run(tasks.look, tenant_id=tenant.id, times=8)  # every process has served a tenant before
    for seen in run(tasks.look_without_tenant, times=8):
        assert (seen["scope"], seen["refused"], seen["raw"]) == ("None", "ScopeError", 0)


def test_no_two_processes_share_a_connection(tenant, other_tenant, run):
    seen = run(tasks.look, tenant_id=tenant.id, times=40) + run(tasks.look, tenant_id=other_tenant.id, times=40)
    pairs = {(each["pid"], each["backend"]) for each in seen}
    assert len({pid for pid, _ in pairs}) == 2
    assert len(pairs) == 2, "each process kept one connection, its own"
    assert len({each["parent"] for each in seen}) == 1


def test_a_task_whose_worker_is_killed_is_run_again(tenant, run):
    tries = run(tasks.die_once, tenant_id=tenant.id, lines=2)
    assert [each["given"] for each in tries] == [tenant.id, tenant.id]
    assert tries[0]["pid"] != tries[1]["pid"]


def test_a_connection_that_postgresql_closed_is_replaced(tenant, run):
    seen = run(tasks.look, tenant_id=tenant.id, times=8)
    with connections["default"].cursor() as cursor:
        for backend in {each["backend"] for each in seen}:
            cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    again = run(tasks.look, tenant_id=tenant.id, times=8)
    assert {each["backend"] for each in again}.isdisjoint({each["backend"] for each in seen})


@pytest.mark.parametrize("arguments", [{}, {"tenant_id": None}, {"tenant_id": "7"}, {"tenant_id": True}])
@pytest.mark.parametrize(
    "start",
    [tasks.look, tasks.look.delay, lambda **given: tasks.look.s(**given).delay()],
    ids=["call", "delay", "signature"],
)
def test_without_its_tenant_a_task_is_neither_called_nor_queued(start, arguments):
    with pytest.raises(TypeError, match="tenant_id"):
        start(path="x", **arguments)


def test_called_directly_a_tenants_task_runs_in_its_scope_too(tenant, tmp_path):
    publish(tenant, new_event(event_type="test.mine"))
    tasks.look(tenant_id=tenant.id, path=str(tmp_path / "seen"))
    assert json.loads((tmp_path / "seen").read_text())["types"] == ["test.mine"]

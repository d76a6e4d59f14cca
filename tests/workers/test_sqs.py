"""SQS as the broker: the same workers and commands, over its own protocol."""

from io import StringIO
from uuid import uuid4

import boto3  # type: ignore[import-untyped]
import pytest
from django.core.management import CommandError, call_command

from commerce import celery
from commerce.jobs import broker as brokers
from tests import moto
from tests.moto import REGION, SECRET
from tests.workers.conftest import sending_to, until
from tests.workers.probe import tasks


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Run a server that speaks SQS."""
    with moto.running(tmp_path_factory.mktemp("sqs")) as port:
        yield port


@pytest.fixture
def prefix():
    return f"test-{uuid4().hex[:8]}-"


@pytest.fixture
def sqs(port, prefix):
    """Return a client of SQS, while this process sends its tasks there."""
    options = {**celery.SQS, "queue_name_prefix": prefix, "region": REGION, "wait_time_seconds": 1}
    with sending_to(f"sqs://someone:{SECRET}@127.0.0.1:{port}", **options):
        yield boto3.client(
            "sqs",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="someone",
            aws_secret_access_key=SECRET,
        )


@pytest.fixture
def start_sqs_worker(start, sqs, port, prefix):
    def start_worker(**environment: str):
        options = ["--concurrency=1", "--loglevel=INFO", "--without-gossip", "--without-mingle"]
        worker = start(
            f"sqs://someone:{SECRET}@127.0.0.1:{port}",
            "worker",
            "--queues=default,bulk",
            f"--hostname={uuid4().hex[:6]}@%h",
            *options,
            SQS_QUEUE_PREFIX=prefix,
            SQS_REGION=REGION,
            SQS_WAIT="1",
            **environment,
        )
        worker.wait_for(" ready.")
        return worker

    return start_worker


def test_tasks_go_round_by_queues_with_our_prefix(tenant, sqs, start_sqs_worker, prefix, notes):
    path, read = notes
    worker = start_sqs_worker()
    tasks.note.delay(tenant_id=tenant.id, path=path)
    tasks.note_slowly.delay(tenant_id=tenant.id, path=path, seconds=0)
    until(lambda: len(read("end")) == 2, "both tasks")
    names = {url.rsplit("/", 1)[1] for url in sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"]}
    assert names == {f"{prefix}{name}" for name in ("default", "bulk")}
    assert SECRET not in worker.said()


def test_what_a_killed_worker_had_comes_back(tenant, start_sqs_worker, notes):
    path, read = notes
    first = start_sqs_worker(BROKER_VISIBILITY_TIMEOUT="5")
    tasks.note.delay(tenant_id=tenant.id, path=path, seconds=3)
    until(lambda: len(read("begin")) == 1, "the task")
    first.kill()
    start_sqs_worker(BROKER_VISIBILITY_TIMEOUT="5")
    until(lambda: len(read("end")) == 1, "the task again")


def test_depths_are_shown_and_queues_purged(tenant, sqs, notes):
    path, _ = notes
    for _ in range(3):
        tasks.note.delay(tenant_id=tenant.id, path=path)
    assert {name: depth.waiting for name, depth in brokers.depths().items()} == {
        "default": 3,
        "webhooks": 0,
        "bulk": 0,
    }
    with pytest.raises(CommandError, match="SQS shows messages only to who takes them"):
        call_command("queue", "list", "default")
    out = StringIO()
    call_command("queue", "purge", "default", "--yes", stdout=out)
    assert brokers.depths()["default"].waiting == 0

"""What monitors are told: who lives, and what was counted, over processes that come and go."""

import json
import os
import signal
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest
from django.db import connections
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from commerce import monitoring
from commerce.jobs.queues import QUEUES
from commerce.observability.metrics import Counter
from commerce.stack.layout import PROJECT
from tests.outbox.conftest import wait_until

TOKEN = {"authorization": "Bearer s3cret"}


@pytest.fixture
def client(settings):
    settings.METRICS_TOKEN = "s3cret"
    return Client(headers={"host": "nobody.test"})


@pytest.fixture
def rows(monkeypatch):
    """Return a function that puts rows of our own in the place of what lives, within the test's transaction."""
    connection = connections["default"]
    connection.set_autocommit(False)
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)

    def put(*, workers=tuple((queue, 1) for queue in QUEUES), relays=((1, 0, None),), beat=3.0):
        monitoring._Kept.until = 0.0
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM jobs_worker; DELETE FROM outbox_relay; DELETE FROM jobs_slot")
            for queue, age in workers:
                cursor.execute(
                    "INSERT INTO jobs_worker VALUES "
                    "(%s, %s, 1, now(), statement_timestamp() - make_interval(secs => %s))",
                    [f"{queue}@{age}", json.dumps([queue]), age],
                )
            for age, due, lag in relays:
                cursor.execute(
                    "INSERT INTO outbox_relay (name, process, started_at, seen_at, finished, due, oldest_at) VALUES "
                    "(%s, 1, now(), statement_timestamp() - make_interval(secs => %s), 0, %s, "
                    "statement_timestamp() - make_interval(secs => %s))",
                    [f"relay@{age}", age, due, lag],
                )
            if beat is not None:
                cursor.execute(
                    "INSERT INTO jobs_slot VALUES ('x', statement_timestamp() - make_interval(secs => %s))", [beat]
                )

    yield put
    connection.rollback()
    connection.set_autocommit(True)
    monitoring._Kept.until = 0.0


def workers(client):
    answer = client.get("/health/workers")
    return answer.status_code, answer.json()


def families(response) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(response.content.decode())
    }


def test_while_all_live_it_is_well(client, rows):
    rows(relays=((2, 5, 1.5), (40, 9, 0.5)))
    status, told = workers(client)
    assert (status, told["status"], told["unserved"], told["relays"]) == (200, "ok", [], 1)
    assert told["queues"] == dict.fromkeys(QUEUES, 1)
    assert told["outboxDue"] == 9
    assert (2 <= told["relayAge"] < 10, 1.5 <= told["outboxLag"] < 10, 3 <= told["beatAge"] < 10) == (True,) * 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"workers": [("default", 1), ("bulk", 1)]}, {"unserved": ["webhooks"]}),
        ({"workers": [("default", 1), ("bulk", 40), ("webhooks", 1)]}, {"unserved": ["bulk"]}),
        ({"relays": []}, {"relays": 0, "relayAge": None, "outboxLag": 0.0}),
        ({"relays": [(40, 1, 70)]}, {"relays": 0, "unserved": []}),
        ({"beat": 100.0}, {"unserved": []}),
        ({"beat": None}, {"beatAge": None}),
    ],
)
def test_who_lacks_is_named_and_it_is_not_well(client, rows, change, told):
    rows(**change)
    status, found = workers(client)
    assert (status, found["status"]) == (503, "degraded")
    assert {name: found[name] for name in told} == told


def test_however_often_it_is_asked_the_database_is_asked_once_a_second_by_short_statements(client, rows, count_sql):
    rows()
    with count_sql("default") as statements:
        assert [workers(client)[0] for _ in range(5)] == [200] * 5
    assert len(statements) == 3


def test_without_a_database_nothing_is_known():
    code = """
from django.test import Client
answer = Client(headers={"host": "nobody.test"}).get("/health/workers")
print(answer.status_code, answer.json()["status"])
"""
    nowhere = "postgresql://commerce_app:x@127.0.0.1:9/commerce"
    found = in_process(code, DATABASE_URL=nowhere)
    assert found.split() == ["503", "unknown"]


def test_counts_are_for_those_who_have_the_token(client, settings):
    assert client.get("/metrics").status_code == 401
    for wrong in ("Bearer s3cre", "s3cret", "Basic s3cret", "Bearer \u00e9"):
        assert client.get("/metrics", headers={"authorization": wrong.encode().decode("latin-1")}).status_code == 401
    assert client.get("/metrics", headers=TOKEN).status_code == 200
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404


def test_gauges_say_how_everybody_does(client, rows):
    rows(workers=[("default", 1), ("bulk", 60)], relays=[(1, 7, 12)])
    found = families(client.get("/metrics", headers=TOKEN))
    assert found["commerce_workers"] == {("default",): 1, ("webhooks",): 0, ("bulk",): 0}
    assert found["commerce_workers_silent"] == {(): 1}
    assert (found["commerce_relays"], found["commerce_outbox_due"]) == ({(): 1}, {(): 7})
    assert 12 <= found["commerce_outbox_lag_seconds"][()] < 30
    assert set(found["commerce_queue_waiting"]) == set(found["commerce_queue_held"]) == {(name,) for name in QUEUES}
    assert found["commerce_up"] == {("database",): 1, ("broker",): 1}


def test_without_a_broker_the_rest_is_shown(client, rows):
    rows()
    code = """
from django.conf import settings
settings.METRICS_TOKEN = "s3cret"
from django.test import Client
client = Client(headers={"host": "nobody.test", "authorization": "Bearer s3cret"})
print(client.get("/metrics").content.decode())
"""
    lines = in_process(code, BROKER_URL="redis://127.0.0.1:9/0").splitlines()
    assert 'commerce_up{part="broker"} 0.0' in lines
    assert 'commerce_up{part="database"} 1.0' in lines
    assert not any(line.startswith("commerce_queue_") for line in lines)


def test_the_response_caches_hits_are_counted(client, tenant, client_for):
    query = {"query": '{ channel(slug: "default-channel") { name } }'}
    before = families(client.get("/metrics", headers=TOKEN)).get("commerce_graphql_answers", {})
    for _ in range(3):
        assert client_for(tenant).post("/graphql/", query, "application/json").status_code == 200
    after = families(client.get("/metrics", headers=TOKEN))["commerce_graphql_answers"]
    assert after[("hit",)] - before.get(("hit",), 0) >= 1
    assert sum(after.values()) - sum(before.values()) == 3


def test_no_label_has_a_tenants_name_or_more_values_than_are_known(client, tenant, client_for):
    client_for(tenant).post("/graphql/", {"query": "{ nothing" + tenant.token + " }"}, "application/json")
    text = client.get("/metrics", headers=TOKEN).content.decode()
    assert tenant.token not in text
    assert tenant.slug not in text


# --- Many processes ---------------------------------------------------------------------------------------------


def in_process(code: str, **environment: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


ADD = """
import os, signal, sys
from commerce.observability.metrics import webhook_deliveries
for _ in range(int(os.environ["TIMES"])):
    webhook_deliveries.add("delivered")
if os.environ.get("DIE"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
SHOW = "from commerce.observability.metrics import render\nprint(render().decode())"


def shown(directory) -> float:
    (line,) = [
        line
        for line in in_process(SHOW, METRICS_DIR=str(directory)).splitlines()
        if line.startswith("commerce_webhook_deliveries_total{")
    ]
    return float(line.split()[-1])


def test_processes_one_after_the_other_count_on_in_one_file_even_when_killed(tmp_path):
    for times in (3, 4):
        in_process(ADD, METRICS_DIR=str(tmp_path), TIMES=str(times))
    killed = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{ADD}"],
        env={**os.environ, "METRICS_DIR": str(tmp_path), "TIMES": "5", "DIE": "1"},
        cwd=PROJECT,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert shown(tmp_path) == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.lock", "counter_0.db"]


def test_processes_at_once_and_their_children_count_in_files_of_their_own(tmp_path):
    code = """
import os
from commerce.observability.metrics import webhook_deliveries
webhook_deliveries.add("delivered")
children = []
for _ in range(3):
    child = os.fork()
    if not child:
        for _ in range(1000):
            webhook_deliveries.add("delivered")
        os._exit(0)
    children.append(child)
for _ in range(1000):
    webhook_deliveries.add("delivered")
for child in children:
    os.waitpid(child, 0)
"""
    for _ in range(2):
        in_process(code, METRICS_DIR=str(tmp_path))
    assert shown(tmp_path) == 2 * 4001
    assert len(list(tmp_path.glob("*.db"))) <= 4


def test_gunicorns_workers_show_what_all_of_them_have_counted(tmp_path, tenant):
    """Every scrape finds one worker of three, and sees the requests of all."""
    environment = {**os.environ, "METRICS_TOKEN": "s3cret", "METRICS_DIR": str(tmp_path / "m"), "WEB_CONCURRENCY": "3"}
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", "127.0.0.1:0"]
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, "commerce.wsgi:application"], env=environment, cwd=PROJECT, stderr=file, stdout=file
        )
    try:
        wait_until(lambda: "Listening at: " in log.read_text(), seconds=30, what="gunicorn")
        address = log.read_text().split("Listening at: ")[1].split()[0]
        body = json.dumps({"query": "{ __typename }"}).encode()

        def ask():
            headers = {"Host": tenant.host, "Content-Type": "application/json"}
            with urlopen(Request(f"{address}/graphql/", body, headers), timeout=30) as answer:
                return answer.status

        def count():
            request = Request(f"{address}/metrics", headers={"Authorization": "Bearer s3cret"})
            with urlopen(request, timeout=30) as answer:
                found = [line for line in answer.read().decode().splitlines() if "graphql_answers_total{" in line]
            return sum(float(line.split()[-1]) for line in found)

        assert [ask() for _ in range(30)] == [200] * 30
        assert {count() for _ in range(9)} == {30.0}
    finally:
        server.terminate()
        server.wait(40)


def test_a_worker_shows_its_childrens_counts_at_a_port_of_its_own(tmp_path):
    port = free_port()
    code = f"""
import os, time
from django.conf import settings
from commerce.observability import metrics
metrics.serve()
if not os.fork():
    metrics.webhook_deliveries.add("dead")
    os._exit(0)
os.wait()
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:{port}/metrics").read().decode())
"""
    told = in_process(code, METRICS_DIR=str(tmp_path), METRICS_PORT=str(port))
    assert 'commerce_webhook_deliveries_total{outcome="dead"} 1.0' in told


def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_port_without_a_folder_is_refused():
    found = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        env={**os.environ, "METRICS_PORT": "9100", "METRICS_DIR": ""},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "METRICS_PORT needs METRICS_DIR" in found.stderr


def test_a_count_is_read_as_it_was_added():
    made = Counter("test_things_total", "kind", "Things of a test.")
    made.add("a")
    made.add("b", 3)
    assert made.values() == {"a": 1, "b": 3}

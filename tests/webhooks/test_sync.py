"""Apps that are asked and answer at once: deadlines, breakers, fallbacks, and what is written down."""

import json
import threading
import time
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from commerce.cache.client import RedisUnavailable
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.webhooks import breaker, keys, operations, signing, sync
from commerce.webhooks.breaker import Rules
from commerce.webhooks.models import Attempt, Delivery
from commerce.webhooks.operations import Wanted
from commerce.webhooks.sync import Question
from tenants import operations as tenants
from tests.webhooks.fake_app import verify

EVENT = "CHECKOUT_CALCULATE_TAXES"


class Taxes:
    """An app that answers with `answer`, after `wait` seconds."""

    def __init__(self, answer=b'{"rate": 21}', status=200, wait=0.0) -> None:
        self.answer, self.status, self.wait = answer, status, wait
        self.asked = []
        taxes = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taxes.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
                time.sleep(taxes.wait)
                self.send_response(taxes.status)
                self.send_header("Content-Length", str(len(taxes.answer)))
                self.end_headers()
                self.wfile.write(taxes.answer)

            def log_message(self, *_) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/taxes"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.fixture
def open_app(tenant):
    """Return a function that opens an app which answers, and has it listen."""
    opened = []

    def make(*, name="taxes", permission="HANDLE_TAXES", secret="", events=(EVENT,), **options):
        app = Taxes(**options)
        opened.append(app)
        with tenant_scope(tenant.id):
            row = tenants.create_app(name=name, permissions=[permission])
            app.id = row.id
            app.webhook = operations.create_webhook(
                app_id=row.id,
                wanted=Wanted(name=name, target_url=app.url, events=events, is_sync=True, secret=secret),
                permissions=[permission],
            )
        return app

    yield make
    for app in opened:
        app.server.shutdown()
        app.server.server_close()


def rate_of(given):
    if not isinstance(given, dict) or not isinstance(given.get("rate"), int):
        raise ValueError("it has no rate")
    return given["rate"]


@pytest.fixture
def ask(tenant):
    """Return a function that asks the tenant's apps and returns values and errors."""

    def run(*, read=rate_of, deadline=5.0, fallback=0, rules=sync.RULES, **options):
        question = Question(EVENT, "Checkout", uuid4(), 3)
        answers = sync.call(
            question,
            tenant_id=tenant.id,
            make_payload=lambda listener: json.dumps({"for": listener.app_identifier}).encode(),
            read=read,
            deadline=deadline,
            fallback=fallback,
            rules=rules,
            **options,
        )
        return [(answer.value, answer.error) for answer in answers]

    return run


def written(shop):
    with tenant_scope(shop.id):
        return [
            (row.status, row.attempts, row.error, [(one.number, one.status_code) for one in row.tries.all()])
            for row in Delivery.objects.order_by("id").prefetch_related("tries")
        ]


def test_an_app_is_asked_signed_and_written_down(tenant, open_app, ask):
    app = open_app()
    assert ask() == [(21, "")]
    ((headers, body),) = app.asked
    assert json.loads(body) == {"for": ""}
    assert headers["saleor-event"] == "checkout_calculate_taxes"
    verify(headers["saleor-signature"], body, signing.jwks(keys.public_keys(tenant.id, timezone.now())))
    assert written(tenant) == [("delivered", 1, "", [(1, 200)])]


def test_an_app_with_a_secret_gets_an_hmac(open_app, ask):
    app = open_app(secret="s3cret")
    ask()
    ((headers, body),) = app.asked
    assert headers["saleor-signature"] == signing.sign_with_secret(body, "s3cret")


def test_nobody_listens(tenant, other_tenant, open_app, ask):
    open_app(events=("ORDER_CALCULATE_TAXES",), name="other event")
    open_app(permission="MANAGE_PRODUCTS", name="without permission")
    silent = open_app(name="inactive")
    with tenant_scope(tenant.id):
        tenants.set_app_active(app_id=silent.id, is_active=False)
    assert ask() == []
    assert written(tenant) == []


def test_apps_are_asked_at_once_and_answer_by_name(open_app, ask):
    barrier = threading.Barrier(2, timeout=5)

    def together(given):
        barrier.wait()
        return rate_of(given)

    open_app(name="b", answer=b'{"rate": 2}')
    open_app(name="a", answer=b'{"rate": 1}')
    assert ask(read=together) == [(1, ""), (2, "")]


def test_one_app_alone_is_asked_by_its_identifier(open_app, ask):
    app = open_app()
    assert ask(app_identifier="another") == []
    assert app.asked == []


@pytest.mark.parametrize(
    ("options", "error", "code"),
    [
        ({"answer": b"{"}, "The answer cannot be used: ", 200),
        ({"answer": b'{"rate": "x"}'}, "The answer cannot be used: it has no rate", 200),
        ({"answer": b"x" * (sync.ANSWER_LIMIT + 1)}, "The answer cannot be used: it has more than 262144 bytes", 200),
        ({"status": 500}, "The answer cannot be used: the app answered 500", 500),
        ({"status": 302}, "The answer cannot be used: the app answered 302", 302),
    ],
)
def test_a_bad_answer_is_the_fallback(tenant, open_app, ask, options, error, code):
    open_app(**options)
    ((value, told),) = ask(fallback=-1)
    assert value == -1
    assert told.startswith(error)
    assert written(tenant) == [("dead", 1, told, [(1, code)])]


def test_a_reader_may_refuse_in_the_domains_words(open_app, ask):
    def refuse(given):
        raise DomainError("There is no such rate.")

    open_app()
    assert ask(read=refuse) == [(0, "The answer cannot be used: There is no such rate.")]


def test_an_app_that_is_too_slow_is_given_up(tenant, open_app, ask):
    app = open_app(wait=30)
    assert ask(deadline=0.4) == [(0, "The receiver did not answer in time.")]
    assert len(app.asked) == 1, "it was asked once: nobody knows whether it has acted"
    assert [(row[0], row[3]) for row in written(tenant)] == [("dead", [(1, None)])]


def test_without_time_nobody_is_asked(tenant, open_app, ask):
    app = open_app()
    assert ask(deadline=0) == [(0, "There was no time left to ask.")]
    assert app.asked == []
    assert written(tenant) == [("skipped", 0, "There was no time left to ask.", [])]


def test_an_open_transaction_is_refused(tenant, open_app, ask):
    app = open_app()
    with tenant_scope(tenant.id), pytest.raises(RuntimeError, match="leave the scope"):
        ask()
    with transaction.atomic(), pytest.raises(RuntimeError, match="leave the scope"):
        ask()
    assert app.asked == []


def test_an_answer_counts_though_it_cannot_be_written_down(open_app, ask, monkeypatch):
    open_app()

    def fail(*args, **options):
        raise DatabaseError("gone")

    monkeypatch.setattr(Attempt.objects, "bulk_create", fail)
    assert ask() == [(21, "")]


# --- Breakers -----------------------------------------------------------------------------------------------


@pytest.fixture(params=["redis", "process"])
def anywhere(request, monkeypatch):
    """Where the state of breakers is: in Redis, or in the process while Redis is gone."""
    if request.param == "process":

        class Gone:
            def ask(self, question):
                raise RedisUnavailable("gone")

        monkeypatch.setattr(breaker, "cache_redis", Gone)


def later(one, name, value):
    """Change what a breaker remembers, as if time had passed."""
    key, _ = one.keys
    if key in breaker._kept:
        setattr(breaker._kept[key], name, value)
    with suppress(RedisUnavailable):
        breaker.cache_redis().ask(lambda client: client.hset(key, name, value))


def lose(one, call):
    """Have so much time pass that a call is taken for lost."""
    key, calls_key = one.keys
    if key in breaker._kept:
        breaker._kept[key].calls[call.id] = 0.0
    with suppress(RedisUnavailable):
        breaker.cache_redis().ask(lambda client: client.zadd(calls_key, {call.id: 1}))


OPEN = (0, "It failed too often: it is asked again later.")


def test_an_app_that_fails_is_left_alone_and_tried_again(anywhere, tenant, open_app, ask):
    rules = Rules(failures=2, window=600, pause=600)
    app = open_app(status=500)
    one = breaker.Breaker(f"{tenant.id}:{app.webhook.id}", rules)
    for _ in range(2):
        assert ask(rules=rules)[0][1].endswith("the app answered 500")
    assert ask(rules=rules) == [OPEN]
    assert len(app.asked) == 2
    later(one, "open_until", 0.001)
    assert ask(rules=rules)[0][1].endswith("the app answered 500"), "one call tries it"
    assert ask(rules=rules) == [OPEN]
    later(one, "open_until", 0.001)
    app.status = 200
    assert ask(rules=rules) == ask(rules=rules) == [(21, "")]
    app.status = 500
    assert ask(rules=rules)[0][1].endswith("500")
    assert ask(rules=rules)[0][1].endswith("500"), "it counts from anew"


def test_one_call_alone_tries_a_breaker_that_was_open(anywhere):
    one = breaker.Breaker(f"1:{uuid4()}", Rules(failures=1, window=600, pause=600))
    state, call = one.enter(600)
    assert (state, call.leave(is_success=False), one.enter(600)[0]) == ("closed", "open", "open")
    later(one, "open_until", 0.001)
    state, probe = one.enter(600)
    assert (state, one.enter(600)[0]) == ("closed", "open")
    assert (probe.leave(is_success=True), one.enter(600)[0], one.enter(600)[0]) == ("closed", "closed", "closed")


def test_failures_that_lie_far_apart_open_nothing(anywhere):
    one = breaker.Breaker(f"1:{uuid4()}", Rules(failures=2, window=600, pause=600))
    for _ in range(3):
        state, call = one.enter(600)
        assert (state, call.leave(is_success=False)) == ("closed", "closed")
        later(one, "since", -10_000.0)
    state, call = one.enter(600)
    assert call.leave(is_success=False) == "closed"
    assert one.enter(600)[1].leave(is_success=False) == "open"


def test_so_many_calls_are_under_way_at_most(anywhere):
    one = breaker.Breaker(f"1:{uuid4()}", Rules(most=2))
    calls = [one.enter(seconds) for seconds in (600, 600)]
    assert [state for state, _ in calls] == ["closed", "closed"]
    assert one.enter(600)[0] == "full"
    calls[0][1].leave(is_success=True)
    assert (one.enter(600)[0], one.enter(600)[0]) == ("closed", "full")
    lose(one, calls[1][1])
    assert one.enter(600)[0] == "closed", "what is lost makes room"


def test_breakers_of_two_webhooks_are_two(open_app, ask):
    rules = Rules(failures=1, pause=60)
    open_app(name="a", status=500)
    good = open_app(name="b")
    ask(rules=rules)
    assert ask(rules=rules) == [OPEN, (21, "")]
    assert len(good.asked) == 2


def test_what_was_asked_is_never_sent_again(tenant, open_app, ask):
    app = open_app(status=500)
    ask()
    now = timezone.now()
    with tenant_scope(tenant.id):
        delivery = Delivery.objects.get()
        with pytest.raises(DomainError, match="not asked again"):
            operations.replay_delivery(delivery_id=delivery.id)
        options = {"since": now - timedelta(hours=1), "until": now + timedelta(hours=1)}
        assert operations.replay_range(webhook_id=app.webhook.id, **options) == 0
        assert Delivery.objects.get().status == "dead"

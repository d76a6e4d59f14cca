"""What receivers do to the sender, on real sockets: bounded, named, harmless."""

import socket
import ssl
import threading
import time

import pytest
import trustme

from commerce.webhooks import connections, resolving
from commerce.webhooks.sending import Kind, Outgoing, SendError, Timeouts, allow_list, send
from tests.webhooks.raw_receiver import OK, answering, drip, read_request, receiver, then

SOON = Timeouts(connect=0.5, total=0.6)


@pytest.fixture(autouse=True)
def _no_kept_connections():
    connections.pool.clear()
    yield
    connections.pool.clear()


@pytest.fixture
def names(monkeypatch):
    """Return a dict of names to addresses that is all that the resolver knows; and count what it is asked."""
    known: dict[str, list[str]] = {}

    def look_up(host, port, *args, **kwargs):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in found else socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, 0))
            for found in known[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def failure(url, **options) -> SendError:
    with pytest.raises(SendError) as raised:
        send(Outgoing(url, body=b"{}"), **options)
    return raised.value


# --- The request and its answer ---------------------------------------------------------------------


def test_a_request_arrives_as_it_was_given():
    with receiver(answering(OK)) as there:
        answer = send(Outgoing(f"{there.url}?a=b", {"X-One": "1", "Saleor-Event": "x"}, b'{"a": 1}'), limit=100)
    head, _, body = there.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /hook?a=b HTTP/1.1"
    assert f"Host: 127.0.0.1:{there.port}".encode() in lines
    assert {b"X-One: 1", b"Saleor-Event: x", b"Content-Length: 8", b"Accept-Encoding: identity"} <= set(lines)
    assert len([line for line in lines if line.lower().startswith(b"host:")]) == 1
    assert body == b'{"a": 1}'
    assert (answer.status, answer.body, answer.is_whole, answer.length, answer.content_type) == (
        *(200, b"ok", True, 2),
        "text/plain",
    )
    assert answer.is_success
    assert 0 < answer.duration < 5


def test_a_get_has_no_body():
    with receiver(answering(OK)) as there:
        assert send(Outgoing(there.url, method="GET"), limit=10).body == b"ok"
    assert there.requests[0].startswith(b"GET /hook HTTP/1.1\r\n")
    assert b"Content-Length" not in there.requests[0]


@pytest.mark.parametrize("status", [201, 302, 404, 410, 500, 503])
def test_any_status_is_an_answer(status):
    with receiver(answering(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)) as there:
        answer = send(Outgoing(there.url))
    assert (answer.status, answer.is_success) == (status, status == 201)


def test_a_redirect_is_not_followed():
    with receiver(answering(OK)) as inside:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {inside.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with receiver(answering(moved)) as there:
            assert send(Outgoing(there.url, body=b"{}")).status == 307
        assert len(there.requests) == 1
        assert inside.connections == 0


def test_the_environments_proxies_are_not_used(monkeypatch):
    with receiver(answering(OK)) as proxy, receiver(answering(OK)) as there:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        send(Outgoing(there.url))
    assert (proxy.connections, there.connections) == (0, 1)


def test_what_is_packed_stays_packed():
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    with receiver(answering(packed)) as there:
        assert send(Outgoing(there.url), limit=100).body == b"\x1f\x8b\x08\x00"


def test_an_answer_in_chunks():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with receiver(answering(chunked)) as there:
        for _ in range(2):
            answer = send(Outgoing(there.url), limit=100)
            assert (answer.body, answer.is_whole, answer.length) == (b"abcde", True, 5)
    assert there.connections == 1


def test_an_answer_that_ends_with_its_connection():
    with receiver(then(b"HTTP/1.0 200 OK\r\n\r\nabcde")) as there:
        answer = send(Outgoing(there.url), limit=100)
    assert (answer.body, answer.is_whole) == (b"abcde", True)


# --- Receivers that are slow, large or broken --------------------------------------------------------


def test_a_receiver_that_hangs():
    with receiver(then(10)) as there:
        began = time.monotonic()
        assert failure(there.url, timeout=SOON).kind == Kind.TIMEOUT
        assert time.monotonic() - began < 2


def test_a_receiver_that_reads_nothing():
    body = bytes(50_000_000)
    with receiver(lambda _, found: found.closing.wait(10)) as there, pytest.raises(SendError) as raised:
        send(Outgoing(there.url, body=body), timeout=SOON)
    assert raised.value.kind == Kind.TIMEOUT


def test_a_head_in_drips_ends_at_the_deadline():
    with receiver(then(drip(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100, 0.05))) as there:
        began = time.monotonic()
        assert failure(there.url, timeout=SOON).kind == Kind.TIMEOUT
        assert time.monotonic() - began < 2


def test_a_body_in_drips_ends_at_the_deadline():
    steps = (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", drip(b"a" * 100, 0.05))
    with receiver(then(*steps)) as there:
        began = time.monotonic()
        assert failure(there.url, timeout=SOON, limit=1000).kind == Kind.TIMEOUT
        assert time.monotonic() - began < 2


def test_a_body_in_drips_that_nobody_wants_costs_a_second_and_fails_nothing():
    steps = (b"HTTP/1.1 202 OK\r\nContent-Length: 100\r\n\r\n", drip(b"a" * 100, 0.05))
    with receiver(then(*steps)) as there:
        began = time.monotonic()
        answer = send(Outgoing(there.url))
        assert time.monotonic() - began < 3
    assert (answer.status, answer.is_whole) == (202, False)


@pytest.mark.parametrize("limit", [0, 1000])
@pytest.mark.parametrize("head", [b"Content-Length: 1073741824", b"Transfer-Encoding: chunked", b"X-Until: the end"])
def test_a_gigabyte_is_cut_off_and_counts_by_its_status(head, limit):
    sent = 0

    def flood(opened):
        nonlocal sent
        block = bytes(1 << 20)
        if b"chunked" in head:
            opened.sendall(b"40000000\r\n")
        for _ in range(1024):
            opened.sendall(block)
            sent += len(block)

    with receiver(then(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n", flood)) as there:
        answer = send(Outgoing(there.url), limit=limit)
    assert (answer.status, answer.is_whole, len(answer.body)) == (200, False, limit)
    assert sent < 64 << 20


def test_a_declared_length_that_no_column_holds():
    with receiver(then(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999999\r\n\r\nabc")) as there:
        assert send(Outgoing(there.url)).length == 2**31 - 1


def test_a_body_of_single_bytes_in_chunks_is_too_large():
    pieces = b"1;" + b"x" * 1000 + b"\r\na\r\n"
    with receiver(then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces * 200)) as there:
        assert failure(there.url, limit=1000).kind == Kind.TOO_LARGE


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000, id="one endless header"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 2000) for n in range(90)), id="many"
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, id="endless 100s"),
    ],
)
def test_a_head_that_is_too_large(head):
    with receiver(then(head, 1)) as there:
        assert failure(there.url).kind == Kind.TOO_LARGE


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\xff" * 50 + b"\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/9.9 abc\r\n\r\n", b"HTTP/1.1 -5 X\r\n\r\n"],
)
def test_garbage_is_no_answer(garbage):
    with receiver(then(garbage)) as there:
        assert failure(there.url).kind == Kind.PROTOCOL


@pytest.mark.parametrize("body", [b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc"])
def test_a_body_that_breaks_off(body):
    with receiver(then(b"HTTP/1.1 200 OK\r\n" + body)) as there:
        assert failure(there.url, limit=100).kind == Kind.PROTOCOL
        assert send(Outgoing(there.url)).status == 200


def test_a_receiver_that_closes_without_an_answer():
    with receiver(then()) as there:
        error = failure(there.url)
    assert error.kind == Kind.CONNECT


def test_an_answer_before_the_body_was_read_is_an_answer():
    """Closed with much unread, the connection is reset while the request is still being sent."""

    def early(opened, _):
        opened.recv(1000)
        opened.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with receiver(early) as there:
        assert send(Outgoing(there.url, body=bytes(20_000_000))).status == 413


def test_nobody_listens():
    with receiver(answering(OK)) as there:
        pass
    error = failure(there.url)
    assert error.kind == Kind.CONNECT
    assert "127" not in error.message


def test_a_connection_that_is_not_taken_in_time():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        began = time.monotonic()
        assert failure(f"http://127.0.0.1:{address[1]}/", timeout=SOON).kind == Kind.CONNECT
        assert time.monotonic() - began < 2
        for one in waiting:
            one.close()


# --- Names -----------------------------------------------------------------------------------------------


def test_the_next_address_is_tried(names):
    names["shop.example"] = ["::1", "127.0.0.1"]
    with receiver(answering(OK)) as there:
        for _ in range(2):
            assert send(Outgoing(f"http://shop.example:{there.port}/")).status == 200
    assert there.connections == 1
    assert f"Host: shop.example:{there.port}\r\n".encode() in there.requests[0]


def test_ipv6():
    with receiver(answering(OK), host="::1") as there:
        assert send(Outgoing(there.url)).status == 200
    assert f"Host: [::1]:{there.port}\r\n".encode() in there.requests[0]


def test_a_name_that_there_is_not(names):
    assert failure("http://nowhere.example/").kind == Kind.DNS


def test_a_resolver_that_hangs_holds_up_nobody_for_longer_than_the_deadline(monkeypatch):
    release = threading.Event()
    asked = []

    def hang(host, *args, **kwargs):
        asked.append(host)
        release.wait(10)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        began = time.monotonic()
        for _ in range(3):
            assert failure("http://slow.example/", timeout=Timeouts(connect=0.2)).kind == Kind.DNS
        assert time.monotonic() - began < 3
        assert asked == ["slow.example"]
        for number in range(resolving.MOST):
            failure(f"http://slow{number}.example/", timeout=Timeouts(connect=0.001))
        assert failure("http://another.example/").message.startswith("Too many")
    finally:
        release.set()
    for _ in range(100):
        if not resolving._lookups._running:
            break
        time.sleep(0.05)
    assert not resolving._lookups._running


# --- TLS -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, settings, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings.WEBHOOK_CA_FILE = str(tmp_path / "ca.pem")


def serving(authority, *names) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def test_tls_keeps_the_name(authority, trusted, names):
    names["shop.example"] = ["127.0.0.1"]
    asked = []
    context = serving(authority, "shop.example")
    context.sni_callback = lambda opened, name, _: asked.append(name)
    with receiver(answering(OK), tls=context) as there:
        for _ in range(2):
            assert send(Outgoing(f"https://shop.example:{there.port}/x"), limit=10).body == b"ok"
    assert asked == ["shop.example"]
    assert there.connections == 1
    assert f"Host: shop.example:{there.port}\r\n".encode() in there.requests[0]


def test_a_certificate_of_another_name(authority, trusted, names):
    names["shop.example"] = ["127.0.0.1"]
    with receiver(answering(OK), tls=serving(authority, "other.example", "127.0.0.1")) as there:
        error = failure(f"https://shop.example:{there.port}/")
    assert error.kind == Kind.TLS
    assert "shop.example" in error.message
    assert there.requests == []


def test_a_certificate_that_nobody_vouches_for(authority, names):
    names["shop.example"] = ["127.0.0.1"]
    with receiver(answering(OK), tls=serving(authority, "shop.example")) as there:
        assert failure(f"https://shop.example:{there.port}/").kind == Kind.TLS
    assert there.requests == []


def test_a_server_without_tls(names):
    with receiver(then(b"HTTP/1.1 400 Bad\r\n\r\n")) as there:
        assert failure(f"https://127.0.0.1:{there.port}/", timeout=SOON).kind == Kind.TLS


def test_a_handshake_that_hangs():
    with receiver(answering(OK), silent_for=10) as there:
        began = time.monotonic()
        assert failure(f"https://127.0.0.1:{there.port}/", timeout=SOON).kind == Kind.TLS
        assert time.monotonic() - began < 2


# --- Kept connections ----------------------------------------------------------------------------------


def test_a_connection_is_used_again():
    with receiver(answering(OK)) as there:
        for _ in range(5):
            send(Outgoing(there.url, body=b"{}"))
    assert (there.connections, len(there.requests)) == (1, 5)


def test_a_request_that_is_sent_once_has_a_connection_of_its_own():
    with receiver(answering(OK)) as there:
        counts = []
        for once in (False, True, True, False):
            send(Outgoing(there.url, once=once))
            counts.append(there.connections)
    assert counts == [1, 2, 3, 3]


def test_a_kept_connection_that_was_closed_is_replaced():
    closes = threading.Semaphore(0)

    def one_each(opened, found):
        found.requests.append(read_request(opened))
        opened.sendall(OK)
        closes.release()

    with receiver(one_each) as there:
        for _ in range(3):
            assert send(Outgoing(there.url, body=b"{}")).status == 200
    assert there.connections == 3


def test_a_kept_connection_that_closes_under_the_request_costs_another_try():
    def not_twice(opened, found):
        found.requests.append(read_request(opened))
        opened.sendall(OK)
        found.requests.append(read_request(opened))  # and says nothing to the second

    with receiver(not_twice) as there:
        send(Outgoing(there.url, body=b"1"))
        assert send(Outgoing(there.url, body=b"2")).status == 200
    assert [request[-1:] for request in there.requests][:3] == [b"1", b"2", b"2"]


def test_what_nobody_asked_for_is_no_answer_to_the_next_request():
    smuggled = b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n"
    with receiver(then(OK, 0.1, smuggled, 10)) as there:
        for _ in range(2):
            assert send(Outgoing(there.url, body=b"{}")).status == 200
            time.sleep(0.3)
        assert there.connections == 2
    with receiver(answering(OK + smuggled)) as there:
        assert [send(Outgoing(there.url, body=b"{}")).status for _ in range(3)] == [200, 200, 200]


def test_no_more_connections_are_kept_than_allowed(monkeypatch):
    monkeypatch.setattr(connections, "MOST_KEPT", 3)
    with receiver(answering(OK)) as one, receiver(answering(OK)) as other:
        gate = threading.Barrier(4)

        def at_once(there):
            gate.wait(5)
            send(Outgoing(there.url))

        threads = [threading.Thread(target=at_once, args=(there,)) for there in (one, one, other, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert connections.pool._count == sum(map(len, connections.pool._kept.values())) <= 3
    connections.pool.clear()
    assert connections.pool._count == 0


def test_no_connection_is_left_open_after_a_failure():
    with receiver(then(b"garbage\r\n\r\n", 5)) as there:
        failure(there.url)
        assert connections.pool._count == 0


def test_settings_and_entries_of_the_tenant_are_what_is_allowed(settings):
    settings.WEBHOOK_ALLOW = []
    with receiver(answering(OK)) as there:
        assert failure(there.url).kind == Kind.ADDRESS
        assert failure(there.url, allow=allow_list(["127.0.0.1:1"])).kind == Kind.ADDRESS
        assert there.connections == 0
        assert send(Outgoing(there.url), allow=allow_list([f"127.0.0.1:{there.port}"])).status == 200
        assert send(Outgoing(f"http://localhost:{there.port}/"), allow=allow_list(["localhost"])).status == 200

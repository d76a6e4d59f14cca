"""Which URLs, addresses and headers the sender refuses before it connects."""

import ipaddress
import socket

import pytest

from commerce.errors import DomainError
from commerce.webhooks import connections
from commerce.webhooks.sending import Kind, Outgoing, SendError, allow_list, check_headers, check_url, send
from commerce.webhooks.targets import AllowList, is_public, plain, read_target
from tests.webhooks.raw_receiver import OK, answering, receiver

NOT_PUBLIC = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "169.254.170.2", "169.254.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
    *("192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "168.63.129.16"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1", "3fff::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::", "2001:0:53aa:64c:0:0:80ff:fffe", "2001:20::1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8"),
    *("4000::1", "5f00::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.169.0.1", "11.0.0.1"),
    *("223.255.255.255", "169.253.255.255", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"),
    "64:ff9b::8.8.8.8",
]


@pytest.fixture(autouse=True)
def _nothing_is_allowed(settings):
    settings.WEBHOOK_ALLOW = []
    connections.pool.clear()
    yield
    connections.pool.clear()


@pytest.fixture
def connected(monkeypatch):
    """Return the addresses that anybody tries to connect to; those that are not loopback refuse."""
    tried = []
    connect = socket.socket.connect

    def watch(self, address):
        tried.append(address[0])
        if not ipaddress.ip_address(address[0]).is_loopback:
            raise ConnectionRefusedError
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watch)
    return tried


@pytest.fixture
def resolver(monkeypatch):
    """Return a list of answers, each a list of addresses, that the resolver gives one after the other."""
    answers: list[list[str]] = []

    def look_up(host, port, *args, **kwargs):
        return [
            (socket.AF_INET6 if ":" in found else socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, 0))
            for found in answers.pop(0)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return answers


def refusal(url, allow=None) -> SendError:
    with pytest.raises(SendError) as raised:
        send(Outgoing(url, body=b"{}"), allow=allow)
    assert raised.value.kind == Kind.ADDRESS
    return raised.value


# --- Addresses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public(address, connected, resolver):
    assert not is_public(ipaddress.ip_address(address))
    literal = f"[{address}]" if ":" in address else address
    assert address not in refusal(f"http://{literal}/").message
    resolver.append([address])
    assert address not in refusal("http://shop.example/").message
    resolver.append(["8.8.8.8", address])
    refusal("https://shop.example/")
    assert connected == []


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address(address, connected, resolver):
    assert is_public(ipaddress.ip_address(address))
    resolver.append([address])
    with pytest.raises(SendError) as raised:
        send(Outgoing("http://shop.example/"))
    assert raised.value.kind == Kind.CONNECT
    assert connected == [str(plain(ipaddress.ip_address(address)))]


def test_our_own_public_networks_are_refused(settings, connected):
    settings.WEBHOOK_DENY = ["8.8.8.0/24", "2606:4700::/32"]
    refusal("http://8.8.8.8/")
    refusal("http://[64:ff9b::8.8.8.8]/")
    refusal("http://[2606:4700::1]/")
    assert connected == []


def test_a_name_that_leads_elsewhere_after_it_was_checked(connected, resolver):
    """The first look-up is the only one: what was checked is what is connected to."""
    with receiver(answering(OK)) as inside:
        resolver += [["8.8.8.8"], ["127.0.0.1"]]
        with pytest.raises(SendError) as raised:
            send(Outgoing(f"http://rebinding.example:{inside.port}/"), allow=allow_list(["8.8.8.8"]))
        assert raised.value.kind == Kind.CONNECT
        assert connected == ["8.8.8.8"]
        refusal(f"http://rebinding.example:{inside.port}/", allow_list(["8.8.8.8"]))
        assert resolver == []
        assert inside.connections == 0


def test_a_kept_connection_is_not_used_for_a_name_that_leads_elsewhere_now(connected, resolver):
    with receiver(answering(OK)) as inside:
        url, allowed = f"http://shop.example:{inside.port}/", allow_list(["127.0.0.1", "8.8.8.8"])
        resolver += [["127.0.0.1"], ["8.8.8.8"], ["169.254.169.254"]]
        assert send(Outgoing(url), allow=allowed).status == 200
        with pytest.raises(SendError):
            send(Outgoing(url), allow=allowed)
        refusal(url, allowed)
    assert connected == ["127.0.0.1", "8.8.8.8"]


def test_a_kept_connection_is_not_used_by_a_tenant_that_may_not_go_there(resolver):
    with receiver(answering(OK)) as inside:
        assert send(Outgoing(inside.url), allow=allow_list(["127.0.0.1"])).status == 200
        refusal(inside.url)
        assert len(inside.requests) == 1


# --- URLs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *("0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "127.1", "127.0.1", "017700000001", "127.0.0.1.."),
        *("１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "127.0.0.1%00", "%31%32%37.0.0.1", "0x", "1.1.1.1.1"),
        *(
            "127.0.0.256",
            "127.0.0.01",
            "[::1",
            "[::1]]",
            "[127.0.0.1]",
            "[fe80::1%25eth0]",
            "[2606:4700::1%eth0]",
            "::1",
        ),
        *("user@shop.example", "user:secret@shop.example", "shop.example@127.0.0.1", "@127.0.0.1", "shop.example:"),
        *("", ".", "..", "shop..example", ".shop.example", "-shop.example", "shop-.example", "a" * 64 + ".example"),
        *("shop.example:0", "shop.example:65536", "shop.example:-1", "shop.example:80:80", "shop.example:abc"),
        *("shop example", "shop.example\\@127.0.0.1", "shop.example\t", "sh\nop.example", "shop\x00.example", "*"),
        *("shop.example" * 30, "‮shop.example", "shop.example#@127.0.0.1", "ⅰ‍.example", "ß" * 300 + ".example"),
    ],
)
def test_a_host_that_is_none(host, connected, resolver):
    if host in ("shop.example:", "shop.example#@127.0.0.1"):
        resolver.append(["127.0.0.1"])  # a name with no port, and one with a fragment
    refusal(f"http://{host}/")
    assert connected == []


@pytest.mark.parametrize(
    "url",
    [
        *("", "/hook", "shop.example/hook", "//shop.example/hook", "ftp://shop.example/", "file:///etc/passwd"),
        *("gopher://shop.example/", "http:shop.example", "http:///hook", "javascript:alert(1)", "https://", "http:/x"),
        *(
            " http://shop.example/",
            "http://shop.example/a b",
            "http://shop.example/a\r\nHost: b",
            "http://shop.example/\\",
        ),
        "http://shop.example/" + "a" * 2000,
    ],
)
def test_a_url_that_is_none(url):
    refusal(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("http://Shop.Example", "shop.example", 80, "/", "shop.example"),
        ("HTTPS://shop.example./a?b=c#d", "shop.example", 443, "/a?b=c", "shop.example"),
        ("https://shop.example:443/", "shop.example", 443, "/", "shop.example"),
        ("https://shop.example:8443?x", "shop.example", 8443, "/?x", "shop.example:8443"),
        ("http://BÜcher.example/ä?ö=%20", "xn--bcher-kva.example", 80, "/%C3%A4?%C3%B6=%20", "xn--bcher-kva.example"),
        ("http://ｓhop。example/", "shop.example", 80, "/", "shop.example"),
        ("http://faß.example/", "xn--fa-hia.example", 80, "/", "xn--fa-hia.example"),
        ("http://[2606:4700:0::1]:8080//a", "2606:4700::1", 8080, "//a", "[2606:4700::1]:8080"),
        ("http://1.1.1.1/http://127.0.0.1/", "1.1.1.1", 80, "/http://127.0.0.1/", "1.1.1.1"),
        ("http://a_b.example/%2e%2e/", "a_b.example", 80, "/%2e%2e/", "a_b.example"),
    ],
)
def test_a_url_in_parts(url, host, port, path, authority):
    target = read_target(url)
    assert (target.host, target.port, target.path, target.authority) == (host, port, path, authority)


@pytest.mark.parametrize("port", [22, 25, 5432, 6379, 9000])
def test_a_port_that_is_not_among_those(port, connected, resolver):
    assert "80, 443" in refusal(f"http://8.8.8.8:{port}/").message
    resolver.append(["8.8.8.8"])
    refusal(f"http://shop.example:{port}/")
    assert connected == []


def test_what_may_be_saved():
    nothing = allow_list()
    assert check_url("https://shop.example/hook", nothing).host == "shop.example"
    for url in ("http://127.0.0.1/", "http://shop.example:22/", "http://[::1]/", "ftp://shop.example/"):
        with pytest.raises(SendError):
            check_url(url, nothing)
    assert check_url("http://localhost:3000/", allow_list(["localhost:3000"])).port == 3000
    assert check_url("http://anything.test:3000/", allow_list(["127.0.0.0/8"])).port == 3000


# --- What is allowed besides -----------------------------------------------------------------------


def test_names_addresses_and_networks_can_be_allowed(settings):
    settings.WEBHOOK_ALLOW = ["LocalHost:3000"]
    allow = allow_list(["127.0.0.1", "10.1.0.0/16:8080", "[::1]:99", "fd00::/8", " app "])
    assert allow.names == {("localhost", 3000), ("app", None)}
    for address, port, is_allowed in [
        ("127.0.0.1", 5, True),
        ("127.0.0.2", 5, False),
        ("10.1.2.3", 8080, True),
        ("10.1.2.3", 80, False),
        ("10.2.0.1", 8080, False),
        ("::1", 99, True),
        ("::1", 98, False),
        ("fd12::1", 1, True),
    ]:
        assert allow.has_address(ipaddress.ip_address(address), port) == is_allowed
    assert allow_list() == AllowList(frozenset({("localhost", 3000)}))


@pytest.mark.parametrize(
    "entry", ["", "http://localhost", "localhost:0", "localhost:99999", "127.1", "10.0.0.1/8", "a b"]
)
def test_an_entry_that_cannot_be_read(entry):
    with pytest.raises(DomainError) as raised:
        allow_list([entry])
    assert repr(entry) in raised.value.message


def test_a_name_that_is_allowed_may_be_private_but_never_where_credentials_are(connected, resolver):
    allow = allow_list(["app"])
    for address in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1", "0.0.0.0", "64:ff9b::a9fe:a9fe"):
        resolver.append([address])
        refusal("http://app/", allow)
    assert connected == []
    resolver.append(["10.0.0.1"])
    with pytest.raises(SendError) as raised:
        send(Outgoing("http://app:3000/"), allow=allow)
    assert raised.value.kind == Kind.CONNECT
    resolver.append(["10.0.0.1"])
    refusal("http://other:3000/", allow)


def test_a_mapped_address_is_what_it_maps(connected, resolver):
    with receiver(answering(OK)) as there:
        resolver.append(["::ffff:127.0.0.1"])
        assert send(Outgoing(f"http://app:{there.port}/"), allow=allow_list(["127.0.0.1"])).status == 200
    assert connected == ["127.0.0.1"]


# --- Headers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Key": "secret", "authorization": "Bearer a.b-c", "Authorization-Bearer": "x", "x-b": "", "X-c": "a\tb c"},
        {"X-Key": "a" * 998},
    ],
)
def test_headers_that_can_be_added(headers):
    check_headers(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {f"X-{number}": "" for number in range(6)},
        {"X-A": "1", "x-a": "2"},
        *(
            {name: "a"}
            for name in ("Host", "Content-Length", "Cookie", "", "X", "X-A:", "X-A B", "X-Ä", "X-A\r\nB", "Auth")
        ),
        *({name: "a"} for name in ("X-Saleor-Signature", "x-saleor-event", "X-" + "a" * 998)),
        *({"X-A": value} for value in ("a\r\nB: c", "a\nb", "a\rb", "a\x00", "ä", " a", "a ", "a" * 999, "\n")),
    ],
)
def test_headers_that_cannot_be_added(headers):
    with pytest.raises(DomainError) as raised:
        check_headers(headers)
    assert raised.value.field == "custom_headers"

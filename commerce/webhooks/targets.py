"""Where requests may go: URLs read strictly, addresses held against what is public, and what operators allow besides.

A URL is read once, here. What is connected to, asked for and named in the Host header are the parts that were
checked, so that there is no second reader of it that could understand it differently.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings

from commerce.errors import DomainError
from commerce.webhooks.failures import Kind, SendError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = {"http": 80, "https": 443}
LONGEST_URL = 2000
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
# What resolvers and the C library take for a number, and so perhaps for an address: 2130706433, 0x7f.1, 127.1.
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
_KEPT_IN_PATH = "%/:=&?~#+!$,;'@()*[]"


class Target(NamedTuple):
    """A URL in parts: `host` in ASCII and lower case, `path` with its query, `address` where the host is one."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def authority(self) -> str:
        """The Host header: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def read_target(url: str) -> Target:
    """Return the parts of an absolute http or https URL, or raise SendError (ADDRESS) that says what is wrong."""
    if len(url) > LONGEST_URL or _UNPRINTABLE.search(url):
        raise _refused(f"The URL has blanks, control characters or backslashes, or more than {LONGEST_URL} characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("The URL cannot be read: check its host and port.") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise _refused("The URL must begin with https:// or http:// and a host.")
    if "@" in parts.netloc:
        raise _refused("The URL must not have a user name or password in it; send an Authorization header.")
    if port == 0:
        raise _refused("The URL's port is 1 to 65535.")
    host, address = _read_bracketed(parts.hostname) if "[" in parts.netloc else _read_host(parts.hostname)
    query = f"?{quote(parts.query, _KEPT_IN_PATH)}" if parts.query else ""
    path = quote(parts.path or "/", _KEPT_IN_PATH) + query
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path, address)


def _read_bracketed(text: str) -> tuple[str, Address | None]:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise _refused("The URL's IPv6 address cannot be read.") from None
    if address.scope_id is not None:
        raise _refused("The URL's IPv6 address must not name a zone.")
    return str(address), address


def _read_host(text: str) -> tuple[str, Address | None]:
    host = _in_ascii(text).removesuffix(".")
    if _ENDS_IN_NUMBER.fullmatch(host):
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError:
            raise _refused("Write an IPv4 address as four decimal numbers without leading zeros.") from None
        return host, address
    if not _NAME.fullmatch(host):
        raise _refused("The URL's host is no host name.")
    return host, None


def _in_ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host[:254], uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise _refused("The URL's host is no host name that can be written in ASCII (IDNA 2008).") from None


def _refused(message: str) -> SendError:
    return SendError(Kind.ADDRESS, message)


# --- Which addresses are public ---------------------------------------------------------------------
#
# The special-purpose registries of IANA, listed rather than asked of `is_global`, whose answers differ between
# versions of Python; https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry.

_NOT_PUBLIC = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # looks public, and is where Azure answers its own machines
    )
)
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(network)
    # 2001::/23 has Teredo, and 2002::/16 is 6to4: both carry any IPv4 address, and are not used any more.
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# In which any IPv4 address can be written.
_CARRIERS = (_NAT64, ipaddress.IPv6Network("::ffff:0:0/96"))
# Where machines, and tasks, are told who they are and given credentials. Nobody's name for it opens these.
_NEVER_BY_NAME = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "224.0.0.0/3"),
        *("::/128", "fe80::/10", "fd00:ec2::/32", "fd20:ce::/32", "ff00::/8"),
    )
)


def plain(address: Address) -> Address:
    """Return the IPv4 address in a mapped one (::ffff:192.0.2.1), and any other address as it is."""
    return getattr(address, "ipv4_mapped", None) or address


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet, and none that WEBHOOK_DENY names."""
    address = _carried(plain(address))
    if _is_in(address, _networks(tuple(settings.WEBHOOK_DENY))):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not _is_in(address, _NOT_PUBLIC)
    return address in _PUBLIC_6 and not _is_in(address, _NOT_PUBLIC_6)


def _carried(address: Address) -> Address:
    """Return the IPv4 address that a NAT64 gateway would turn this one into (RFC 6052)."""
    if address.version == 6 and address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=8)
def _networks(entries: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(entry) for entry in entries)


# --- What is allowed besides ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllowList:
    """Names, and networks, that requests may go to although they are not public; each with a port, or None for any."""

    names: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[Network, int | None], ...] = ()

    def has_name(self, host: str, port: int) -> bool:
        return (host, port) in self.names or (host, None) in self.names

    def has_port(self, port: int) -> bool:
        """Tell whether a name may lead to some allowed address at this port."""
        return any(allowed in (None, port) for _, allowed in self.networks)

    def has_address(self, address: Address, port: int) -> bool:
        return any(address in network and allowed in (None, port) for network, allowed in self.networks)


_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(:(?P<port>[0-9]{1,5}))?")


@lru_cache(maxsize=1000)
def _parse(entries: tuple[str, ...]) -> AllowList:
    names, networks = set(), []
    for entry in entries:
        place = _read_entry(entry)
        if isinstance(place[0], str):
            names.add((place[0], place[1]))
        else:
            networks.append((place[0], place[1]))
    return AllowList(frozenset(names), tuple(networks))


def _read_entry(entry: str) -> tuple[str | Network, int | None]:
    text = entry.strip().lower()
    found = _PORT.fullmatch(text)
    host = found["host"].strip("[]") if found else text
    port = int(found["port"]) if found and found["port"] else None
    try:
        return ipaddress.ip_network(host), port
    except ValueError:
        pass
    if _ENDS_IN_NUMBER.fullmatch(host) or not _NAME.fullmatch(host) or (port is not None and not 0 < port < 65536):
        raise DomainError(
            f"{entry!r} cannot be allowed: write a host name, an address or a network, each perhaps with a port "
            "(localhost:3000, 127.0.0.1, 10.1.0.0/16, [::1]:3000)."
        )
    return host, port


def allow_list(entries: Iterable[str] = ()) -> AllowList:
    """Return what WEBHOOK_ALLOW and these entries of a tenant allow; raise DomainError for one that cannot be read.

    An entry is a name (`localhost:3000`: this name, wherever it leads, except to where machines keep their
    credentials) or an address or network (`127.0.0.1`: whatever name leads there). Entries open our own networks:
    they are an operator's to give, never a tenant's to take.
    """
    return _parse((*settings.WEBHOOK_ALLOW, *entries))


def check_entries(entries: Iterable[str]) -> list[str]:
    """Return entries that a tenant may be given, in order and once each, or raise DomainError for the first other one.

    None may open a place where machines are told who they are and given credentials, nor one that has it inside.
    """
    found = list(dict.fromkeys(entry.strip().lower() for entry in entries))
    for entry in found:
        place, _ = _read_entry(entry)
        if not isinstance(place, str) and any(_overlap(place, never) for never in (*_NEVER_BY_NAME, *_CARRIERS)):
            raise DomainError(
                f"{entry!r} cannot be allowed: it has addresses in it at which machines keep their credentials, or "
                "that stand for others. Name a smaller network.",
                field="targets",
            )
    return found


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def check_addresses(target: Target, addresses: Iterable[Address], allow: AllowList) -> list[Address]:
    """Return the addresses to connect to, or raise SendError (ADDRESS) if even one of them may not be connected to."""
    checked = [plain(address) for address in addresses]
    if not checked or not all(_may_reach(target, address, allow) for address in checked):
        raise _refused("The URL's host leads to an address that is not on the public internet.")
    return checked


def _may_reach(target: Target, address: Address, allow: AllowList) -> bool:
    if allow.has_address(address, target.port):
        return True
    if allow.has_name(target.host, target.port) and not _is_in(_carried(address), _NEVER_BY_NAME):
        return True
    if is_public(address):
        _check_port(target)
        return True
    return False


def _check_port(target: Target) -> None:
    if target.port not in settings.WEBHOOK_PORTS:
        ports = ", ".join(map(str, settings.WEBHOOK_PORTS))
        raise _refused(f"The URL's port {target.port} is not among those that requests may go to: {ports}.")


def check_url(url: str, allow: AllowList) -> Target:
    """Return the parts of a URL as it may be saved, or raise SendError (ADDRESS). Asks no name server.

    A URL that passes may still be refused when something is sent there: names lead elsewhere from day to day.
    """
    target = read_target(url)
    if target.address is not None:
        check_addresses(target, [target.address], allow)
    elif not allow.has_name(target.host, target.port) and not any(
        port in (None, target.port) for _, port in allow.networks
    ):
        _check_port(target)
    return target


# --- Headers of the receiver's owner ----------------------------------------------------------------

MOST_HEADERS = 5
LONGEST_HEADER = 998
_HEADER_NAME = re.compile(r"(x-|authorization)[a-z0-9!#$%&'*+.^_`|~-]*", re.IGNORECASE)
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?|")
_HEADERS = "INVALID_CUSTOM_HEADERS"
_OURS = re.compile(r"x-saleor-.*", re.IGNORECASE)


def check_headers(headers: Mapping[str, str], field: str = "custom_headers") -> None:
    """Raise DomainError if these may not be added to requests: up to 5, `X-…` or `Authorization…`, in ASCII."""
    if len(headers) > MOST_HEADERS or len({name.lower() for name in headers}) < len(headers):
        raise DomainError(f"At most {MOST_HEADERS} headers can be added, each once.", field=field, code=_HEADERS)
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or _OURS.fullmatch(name) or len(name) > LONGEST_HEADER:
            raise DomainError(
                f"The header {name[:50]!r} cannot be added: its name begins with X- (not X-Saleor-) or Authorization.",
                field=field,
                code=_HEADERS,
            )
        if len(value) > LONGEST_HEADER or not _HEADER_VALUE.fullmatch(value):
            raise DomainError(
                f"The value of the header {name[:50]!r} must be one line of at most {LONGEST_HEADER} ASCII characters "
                "without blanks around it.",
                field=field,
                code=_HEADERS,
            )

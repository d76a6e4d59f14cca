"""Who is at the other end: a client's address, seen through the proxies that we trust."""

import ipaddress
from functools import cache, lru_cache

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
IPV6_PREFIX = 64  # one customer's network: addresses in it cost nothing


def is_trusted_proxy(address: str) -> bool:
    """Tell whether what this address forwards may be believed (TRUSTED_PROXIES)."""
    found = _parse(address)
    return found is not None and _is_trusted(found, tuple(settings.TRUSTED_PROXIES))


def client_of(request: HttpRequest) -> str:
    """Return the client's address, for IPv6 the /64 network that it is in; "unknown" if there is none.

    X-Forwarded-For is read from its end, as far as each address that added to it is a trusted proxy's. What
    cannot be read there is not believed: the client is then the proxy that forwarded it.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return _client(request.META.get("REMOTE_ADDR", ""), forwarded, tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=10_000)
def _client(remote: str, forwarded: str, proxies: tuple[str, ...]) -> str:
    found = _parse(remote)
    if found is None:
        return "unknown"
    hops = forwarded.split(",")
    while hops and _is_trusted(found, proxies):
        before = _parse(_without_port(hops.pop().strip()))
        if before is None:
            break
        found = before
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))
    return str(found)


def _is_trusted(address: Address, proxies: tuple[str, ...]) -> bool:
    return any(address in network for network in _networks(proxies))


@cache
def _networks(proxies: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(proxy) for proxy in proxies)


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(text: str) -> str:
    """Return the address alone; some proxies add the port ("192.0.2.1:4711", "[2001:db8::1]:4711")."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text

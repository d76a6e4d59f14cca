"""Free TCP ports on 127.0.0.1, below the range from which the kernel takes outgoing ones."""

import random
import socket
from collections.abc import Collection, Iterable

from commerce.stack.errors import StackError

EPHEMERAL_FROM = 32768


def is_free(port: int) -> bool:
    """Say whether this port can be listened on at 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def candidates(first: int, *, scattered: bool = False) -> Iterable[int]:
    """Return ports to try: the first and those after it, or any (for stacks that come and go)."""
    if scattered:
        return random.sample(range(20000, EPHEMERAL_FROM), 200)
    return range(first, min(first + 200, EPHEMERAL_FROM))


def choose(tried: Iterable[int], *, taken: Collection[int] = ()) -> int:
    """Return the first free port that is not promised to another process, or raise StackError."""
    for port in tried:
        if port not in taken and is_free(port):
            return port
    raise StackError("No free TCP port found on 127.0.0.1 below 32768.")

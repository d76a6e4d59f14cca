"""What goes wrong with a request to a receiver."""

from enum import StrEnum


class Kind(StrEnum):
    """At which step a request failed. ADDRESS alone does not get better by trying again."""

    ADDRESS = "address"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    TOO_LARGE = "too large"
    PROTOCOL = "protocol"


class SendError(Exception):
    """A request that got no usable answer. `message` may be shown to the receiver's owner.

    It names nothing but what the owner wrote or the receiver did: no address that a name led to, and nothing that
    tells what there is inside our networks.
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message

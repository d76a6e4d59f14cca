from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller is told: an HTTP status, the bytes of the body, and the headers that belong to it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

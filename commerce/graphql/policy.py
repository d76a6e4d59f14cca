"""What a tenant allows at its door: limits, documents, rates. The roof says it for each request; the kit obeys."""

from collections.abc import Callable
from dataclasses import dataclass, field

from commerce.graphql.limits import Limits
from commerce.ratelimit import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the tenant of a request allows it.

    `read_document(id)` returns the text of a trusted document, or None, and is asked once per process for each
    `documents_version`, a number that is raised when they change. `surrogate` is the word that begins the
    surrogate keys of the tenant's answers. A request with `has_credentials` is paid before it is asked whose they are.
    Where answers are `by_language`, the reader's Accept-Language decides in which.
    """

    limits: Limits
    tenant: int = 0
    surrogate: str = ""
    documents_only: bool = False
    documents_version: int = 0
    read_document: Callable[[str], str | None] = field(default=lambda _: None)
    allowance: Allowance = field(default_factory=Allowance)
    has_credentials: bool = False
    by_language: bool = False

"""Trusted documents: files of them for registering, and their texts by id for running them."""

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
from graphql import GraphQLError

from commerce.errors import DomainError
from commerce.graphql.executor import Executor, Refused
from commerce.graphql.limits import Limits
from commerce.graphql.policy import Policy

MAX_KEPT = 5000
DOCUMENT_ID = re.compile(r"[A-Za-z0-9_.:/+=-]{1,200}")
APOLLO_FORMAT = "apollo-persisted-query-manifest"


class TrustedDocuments:
    """The texts of trusted documents used last, of all tenants. Ids that are not known are asked for each time."""

    def __init__(self, size: int = MAX_KEPT) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[int, int, str], str] = OrderedDict()
        self._lock = Lock()

    def find(self, key: str, policy: Policy) -> str | None:
        """Return the text of the tenant's document of this id if it is at hand."""
        place = (policy.tenant, policy.documents_version, key)
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
            return self._kept.get(place)

    def read(self, key: str, policy: Policy) -> str | None:
        """Return the text of the tenant's document of this id, or None, from where they are registered."""
        text = policy.read_document(key) if DOCUMENT_ID.fullmatch(key) else None
        if text is not None:
            with self._lock:
                self._kept[policy.tenant, policy.documents_version, key] = text
                if len(self._kept) > self._size:
                    self._kept.popitem(last=False)
        return text


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that is to be registered: its id, its text, and the file and line where it begins.

    `in_file`: whether its lines are lines of that file.
    """

    key: str
    text: str
    path: Path
    line: int
    in_file: bool

    def place(self, error: GraphQLError) -> str:
        """Return where an error of this document is to be looked for."""
        at = error.locations[0] if error.locations else None
        if self.in_file:
            return f"{self.path}:{at.line}:{at.column}" if at else f"{self.path}:{self.line}"
        return f"{self.path}:{self.line}: document {self.key}" + (f", line {at.line}:{at.column}" if at else "")


class BadDocuments(Exception):
    """Files that cannot be registered: every reason, each with its file and line."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


def read_drafts(paths: Iterable[Path]) -> list[Draft]:
    """Return the documents in these files, or raise BadDocuments.

    `*.json` is a manifest: `{id: text}`, as the GraphQL Code Generator (persisted-documents.json) and Relay
    (persistConfig.file) write it, or Apollo's `{format, version, operations: [{id, body}]}`. Any other file is
    one document, with all its operations and fragments, whose id is the SHA-256 of the file in hex.
    """
    drafts, reasons = [], []
    for path in paths:
        try:
            drafts += _read(path)
        except DomainError as error:
            reasons.append(error.message)
    by_key: dict[str, Draft] = {}
    for draft in drafts:
        known = by_key.setdefault(draft.key, draft)
        if known.text != draft.text:
            reasons.append(f"{draft.path}:{draft.line}: {known.path}:{known.line} has another text for {draft.key}.")
    if reasons:
        raise BadDocuments(reasons)
    return list(by_key.values())


def check_drafts(drafts: Iterable[Draft], executor: Executor, limits: Limits) -> None:
    """Raise BadDocuments with all that the schema and the limits refuse in these documents.

    A cost is checked with the defaults of its variables: the values that a caller gives are checked at each call.
    """
    reasons = [
        f"{draft.place(error)}: {error.message}" for draft in drafts for error in _errors(draft, executor, limits)
    ]
    if reasons:
        raise BadDocuments(reasons)


def _errors(draft: Draft, executor: Executor, limits: Limits) -> list[GraphQLError]:
    try:
        executor.check(draft.text, limits)
    except Refused as refusal:
        return refusal.errors
    return []


def _read(path: Path) -> list[Draft]:
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except OSError as error:
        raise DomainError(f"{path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DomainError(f"{path}:{line}: is no UTF-8 text.") from error
    if path.suffix.lower() != ".json":
        return [Draft(sha256(raw).hexdigest(), text, path, 1, in_file=True)]
    try:
        manifest = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DomainError(f"{path}:{error.lineno}:{error.colno}: is malformed JSON: {error.msg}.") from error
    return [
        Draft(key, document, path, _line_of(key, text), in_file=False) for key, document in _entries(manifest, path)
    ]


def _entries(manifest: Any, path: Path) -> Iterator[tuple[str, str]]:
    """Yield the ids and texts of a manifest."""
    entries: Any = manifest
    if isinstance(manifest, dict) and manifest.get("format") == APOLLO_FORMAT:
        operations = manifest.get("operations")
        if not isinstance(operations, list) or not all(isinstance(item, dict) for item in operations):
            raise DomainError(f"{path}: `operations` must be a list of objects with `id` and `body`.")
        entries = [(item.get("id"), item.get("body")) for item in operations]
    elif isinstance(manifest, dict):
        entries = list(manifest.items())
    else:
        raise DomainError(f"{path}: must be a JSON object {{id: text}}, or Apollo's manifest.")
    for number, (key, text) in enumerate(entries, start=1):
        if not isinstance(key, str) or not isinstance(text, str):
            raise DomainError(f"{path}: entry {number} ({key!r}) must have an id and a text, both strings.")
        yield key, text


def _line_of(key: str, manifest: str) -> int:
    """Return the line of a manifest in which an id stands first."""
    found = re.search(re.escape(orjson.dumps(key).decode()), manifest)
    return manifest.count("\n", 0, found.start()) + 1 if found else 1

"""An object's version as its ETag (RFC 9110), by which a write is refused that would undo what its author never saw."""

import re
from collections.abc import Mapping

from commerce.rest.problems import Problem

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def check_match(headers: Mapping[str, str], version: int | None) -> None:
    """Raise Problem (412) where `If-Match` names other versions than the one there is (None: there is no object)."""
    wanted = headers.get("If-Match")
    if wanted is None or (wanted.strip() == "*" and version is not None):
        return
    if version is None or str(version) not in _strong(wanted):
        problem = Problem.of(
            412,
            "PRECONDITION_FAILED",
            "The object has changed since it was read: read it again and repeat the change.",
            "If-Match",
        )
        if version is not None:
            problem.headers["ETag"] = etag(version)
        raise problem


def is_known(headers: Mapping[str, str], version: int) -> bool:
    """Say whether `If-None-Match` names this version, so that 304 is the answer."""
    known = headers.get("If-None-Match", "")
    return known.strip() == "*" or str(version) in _TAG.findall(known)


def _strong(header: str) -> list[str]:
    return [tag[1:-1] for tag in re.findall(r'(?<!W/)"[^"]*"', header)]

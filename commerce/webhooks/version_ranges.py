"""Ranges of versions as apps write them (npm's: `^3.20`, `>=3.11.7 <4`, `3.x`, `3.20 - 3.23`, `^2 || ^3`)."""

import re

Version = tuple[int, int, int]

_PARTIAL = re.compile(r"v?(\d{1,9}|[xX*])(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?(?:-[0-9A-Za-z.-]+)?(?:\+.*)?")
_COMPARATOR = re.compile(r"(\^|~|>=|<=|>|<|=)?(.+)")
_GAP = re.compile(r"(\^|~|>=|<=|>|<|=)\s+")


def is_in_range(version: str, wanted: str) -> bool:
    """Tell whether a version is in a range; raise ValueError for a range that cannot be read.

    Of a pre-release (`3.23.0-a.1`) the numbers alone count.
    """
    lower, _ = _bounds(version)
    return any(_fits(lower, alternative.strip()) for alternative in wanted.split("||"))


def _fits(version: Version, wanted: str) -> bool:
    start, hyphen, end = wanted.partition(" - ")
    if hyphen:
        return _bounds(start.strip())[0] <= version < _bounds(end.strip())[1]
    fits = [_compares(version, part) for part in _GAP.sub(r"\1", wanted).split()]  # all are read
    return all(fits)


def _compares(version: Version, part: str) -> bool:
    found = _COMPARATOR.fullmatch(part)
    sign, text = (found[1] or "=", found[2]) if found else ("=", part)
    first, after = _bounds(text)
    match sign:
        case "^":
            return first <= version < _caret(first, text)
        case "~":
            return first <= version < max(after, (first[0], first[1] + 1, 0) if "." in text else after)
        case ">=":
            return version >= first
        case ">":
            return version >= after
        case "<":
            return version < first
        case "<=":
            return version < after
    return first <= version < after


def _caret(first: Version, text: str) -> Version:
    """Return the next version that may break what this one allows: the leftmost number above 0 raised."""
    major, minor, patch = first
    if major or "." not in text:
        return (major + 1, 0, 0)
    if minor or text.count(".") < 2:
        return (0, minor + 1, 0)
    return (0, 0, patch + 1)


def _bounds(text: str) -> tuple[Version, Version]:
    """Return the first version that a partial one ("3.20", "3.x") stands for, and the first one after all of them."""
    found = _PARTIAL.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:50]!r} is no version, nor a range of versions such as ^3.20.")
    numbers: list[int] = []
    for part in found.groups():
        if part is None or not part.isdigit():
            break
        numbers.append(int(part))
    if not numbers:
        return (0, 0, 0), (10**9, 0, 0)
    padded = [*numbers, 0, 0][:3]
    after = [*numbers[:-1], numbers[-1] + 1, 0, 0][:3]
    return (padded[0], padded[1], padded[2]), (after[0], after[1], after[2])

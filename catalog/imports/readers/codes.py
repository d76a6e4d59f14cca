"""Codes that formats of other shops put into one column."""

from catalog.imports.cells import gtin_of
from commerce.errors import DomainError


def is_gtin(code: str) -> bool:
    """Say whether a code is a GTIN with its check digit right."""
    try:
        return bool(gtin_of(code))
    except DomainError:
        return False

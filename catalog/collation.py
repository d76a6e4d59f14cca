"""The order of names in a language: sort keys of the Unicode collation algorithm, tailored by CLDR."""

from functools import cache
from typing import Any

import icu


@cache
def _collator(language: str) -> Any:
    collator = icu.Collator.createInstance(icu.Locale(language.replace("-", "_")))
    collator.setAttribute(icu.UCollAttribute.NUMERIC_COLLATION, icu.UCollAttributeValue.ON)
    return collator


def sort_key(name: str, language: str) -> bytes:
    """Return the key whose byte order is the order of names in a language (UTS 10, CLDR); digits by value."""
    key: bytes = _collator(language).getSortKey(name)
    return key

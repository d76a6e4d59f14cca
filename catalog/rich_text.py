"""EditorJS documents: what may stand in them. Storefronts show their texts as HTML, so that no script may."""

import json
import re
from typing import Any

import nh3

from commerce.errors import DomainError

MOST_LEVELS = 50
INVALID_URL = "#invalid"
SCHEMES = frozenset({"http", "https", "mailto", "tel"})
# Keys whose value is an address: of pictures, attached files, embedded players and previewed pages.
_ADDRESSES = frozenset({"url", "source", "embed", "link", "href", "src"})
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
# What browsers skip before a scheme and inside of it.
_SKIPPED = re.compile(r"[\x00-\x20\x7f]+")
_ESCAPED = str.maketrans({'"': "%22", "'": "%27", "<": "%3C", ">": "%3E", "`": "%60", " ": "%20"})
_ATTRIBUTES = {**nh3.ALLOWED_ATTRIBUTES, "*": {"class", "dir", "lang", "title"}}
_ATTRIBUTES["a"] = {*nh3.ALLOWED_ATTRIBUTES["a"], "target"}
_CLEANER = nh3.Cleaner(attributes=_ATTRIBUTES, url_schemes=set(SCHEMES), link_rel="noopener noreferrer")


def clean_editorjs(document: Any) -> dict[str, Any]:
    """Return an EditorJS document without scripts.

    In its texts stays the HTML of plain markup; an address of another scheme than SCHEMES becomes INVALID_URL. What
    is clean stays as it is. Raises DomainError unless it is a document: `blocks`, each with a `type` and its `data`.
    """
    blocks = document.get("blocks") if isinstance(document, dict) else None
    if not isinstance(blocks, list) or not all(map(_is_block, blocks)):
        raise DomainError("Rich text is EditorJS JSON: a list of blocks, each with type and data.", field="value")
    try:
        cleaned: dict[str, Any] = _clean(document, MOST_LEVELS)
    except UnicodeEncodeError:
        raise DomainError("Half a surrogate pair cannot be stored.", field="value") from None
    if "\\u0000" in json.dumps(cleaned):
        raise DomainError("The character NUL cannot be stored.", field="value")
    return cleaned


def clean_html(text: str) -> str:
    """Return HTML with nothing but plain markup: scripts, styles, frames, forms and handlers of events are gone."""
    return _CLEANER.clean(text) if "<" in text else text


def clean_url(text: str) -> str:
    """Return an address as it may stand in an attribute of HTML, INVALID_URL for one of another scheme."""
    scheme = _SCHEME.match(_SKIPPED.sub("", text))
    if scheme is not None and scheme[1].lower() not in SCHEMES:
        return INVALID_URL
    return text.translate(_ESCAPED)


def _is_block(block: Any) -> bool:
    return isinstance(block, dict) and isinstance(block.get("type"), str) and isinstance(block.get("data"), dict)


def _clean(value: Any, levels: int, key: str = "") -> Any:
    if isinstance(value, str):
        return clean_url(value) if key in _ADDRESSES else clean_html(value)
    if not isinstance(value, dict | list):
        return value
    if not levels:
        raise DomainError(f"Rich text is nested deeper than {MOST_LEVELS} levels.", field="value")
    if isinstance(value, list):
        return [_clean(item, levels - 1, key) for item in value]
    return {name: _clean(item, levels - 1, name) for name, item in value.items()}

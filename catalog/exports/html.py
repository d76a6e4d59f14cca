"""EditorJS documents as simple HTML, and back: what either holds beyond paragraphs, headings and lists stays text."""

import re
from typing import Any

_BLOCK = re.compile(r"\s*<(p|h[1-6]|ul|ol)>(.*?)</\1>\s*", re.DOTALL)
_NESTED = re.compile(r"<(p|h[1-6]|ul|ol|li)>")
_ITEM = re.compile(r"\s*<li>(.*?)</li>\s*", re.DOTALL)


def to_html(document: Any) -> str:
    """Return a document as HTML, an element a block; blocks without text are left out."""
    blocks = document.get("blocks", []) if isinstance(document, dict) else []
    return "".join(_element(block.get("type"), block.get("data", {})) for block in blocks)


def from_html(text: str) -> dict[str, Any] | None:
    """Return HTML as a document. What is no sequence of plain elements is one paragraph, with its tags; "" is None."""
    if not text.strip():
        return None
    return {"blocks": _blocks(text) or [_paragraph(text)], "version": "2.24.3"}


def _element(kind: str | None, data: dict[str, Any]) -> str:
    if kind == "list":
        tag = "ol" if data.get("style") == "ordered" else "ul"
        items = (item if isinstance(item, str) else item.get("content", "") for item in data.get("items", []))
        return f"<{tag}>{''.join(f'<li>{item}</li>' for item in items)}</{tag}>"
    text = data.get("text", "")
    if kind == "header":
        return f"<h{data.get('level', 2)}>{text}</h{data.get('level', 2)}>"
    # HTML that was kept as it was stands without a paragraph around it.
    return text if not text or _NESTED.search(text) else f"<p>{text}</p>"


def _blocks(text: str) -> list[dict[str, Any]] | None:
    """Return the blocks of HTML that is nothing but plain elements in a row, or None."""
    found, end = [], 0
    while match := _BLOCK.match(text, end):
        block = _block(match[1], match[2])
        if block is None:
            return None
        found.append(block)
        end = match.end()
    return found if end == len(text) else None


def _block(tag: str, inner: str) -> dict[str, Any] | None:
    if tag in ("ul", "ol"):
        items, rest = _ITEM.findall(inner), _ITEM.sub("", inner)
        style = "ordered" if tag == "ol" else "unordered"
        is_plain = not rest and not any(_NESTED.search(item) for item in items)
        return {"type": "list", "data": {"style": style, "items": items}} if is_plain else None
    if _NESTED.search(inner):
        return None
    if tag == "p":
        return _paragraph(inner)
    return {"type": "header", "data": {"text": inner, "level": int(tag[1])}}


def _paragraph(text: str) -> dict[str, Any]:
    return {"type": "paragraph", "data": {"text": text}}

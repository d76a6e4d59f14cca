"""Form fields of webhooks: events under the permissions that they need, headers as lines, filters."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django import forms

from commerce.webhooks.events import ANY, EVENTS, LATER
from commerce.webhooks.sync_events import SYNC_EVENTS

_ALL = "All that the app may hear of today"


def event_choices(permissions: Collection[str] | None, chosen: Iterable[str]) -> list[Any]:
    """Return the events by group, those that these permissions allow (None: all) and those that are chosen already."""
    chosen = set(chosen)

    def allows(name: str, needed: frozenset[str]) -> bool:
        return permissions is None or bool(needed.intersection(permissions)) or name in chosen

    groups: dict[str, list[tuple[str, str]]] = {"": [(ANY, _ALL)]}
    for event in EVENTS.values():
        if allows(event.name, frozenset({event.permission})):
            groups.setdefault(f"Told of ({event.permission})", []).append((event.name, event.name))
    for name, needed in SYNC_EVENTS.items():
        if allows(name, needed):
            title = f"Asked, and the answer waited for ({' or '.join(sorted(needed))})"
            groups.setdefault(title, []).append((name, name))
    for name, permission in LATER.items():
        if allows(name, frozenset({permission})):
            groups.setdefault(f"Not raised yet ({permission})", []).append((name, name))
    known = {name for group in groups.values() for name, _ in group}
    groups.setdefault("Others", []).extend((name, name) for name in sorted(chosen - known))
    return [*groups.pop(""), *((title, members) for title, members in groups.items() if members)]


class HeadersField(forms.CharField):
    """Headers as lines: `X-Name: value`."""

    widget = forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField code"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, Mapping) else value

    def clean(self, value: Any) -> Any:
        found: dict[str, str] = {}
        for line in super().clean(value).splitlines():
            name, colon, text = line.partition(":")
            if not colon or not name.strip():
                raise forms.ValidationError(f"“{line[:50]}” is no header such as X-Name: value.")
            if name.strip() in found:
                raise forms.ValidationError(f"The header {name.strip()[:50]} is there twice.")
            found[name.strip()] = text.strip()
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(_lines(self.prepare_value(initial)) != _lines(data))


class FiltersField(forms.CharField):
    """Facts and the values wanted of each, as lines: `slug: shirt, shoe`."""

    widget = forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField code"})

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return "\n".join(
            f"{fact}: {', '.join(values) if isinstance(values, list) else values}" for fact, values in value.items()
        )

    def clean(self, value: Any) -> Any:
        found: dict[str, list[str]] = {}
        for line in super().clean(value).splitlines():
            if not line.strip():
                continue
            fact, colon, text = line.partition(":")
            values = [part.strip() for part in text.split(",") if part.strip()]
            if not colon or not fact.strip() or not values:
                raise forms.ValidationError(f"“{line[:50]}” is no filter such as slug: shirt, shoe.")
            found[fact.strip()] = values
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(_lines(self.prepare_value(initial)) != _lines(data))


def _lines(text: Any) -> list[str]:
    return [line.strip() for line in str(text or "").splitlines() if line.strip()]

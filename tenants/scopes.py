"""What a key may be narrowed down to: scopes, each of which lets through some of its app's permissions.

A key without scopes may do all that its app may. One with scopes may do at a REST address what the address names,
and at other doors what a permission allows of which it has every scope.
"""

from collections.abc import Collection

from commerce.errors import DomainError
from tenants.permissions import GRANTS

# Permission of the dialect → what it is about.
_AREAS: dict[str, tuple[str, ...]] = {
    "MANAGE_PRODUCTS": ("catalog", "stock", "translations", "jobs"),
    "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES": ("catalog",),
    "MANAGE_TRANSLATIONS": ("translations",),
    "MANAGE_MENUS": ("content",),
    "MANAGE_PAGES": ("content",),
    "MANAGE_PAGE_TYPES_AND_ATTRIBUTES": ("content",),
    "MANAGE_CHANNELS": ("channels",),
    "MANAGE_APPS": ("apps",),
}
AREAS = ("apps", "catalog", "channels", "content", "jobs", "stock", "translations")
SCOPES = frozenset({"events:read", *(f"{area}:{verb}" for area in AREAS for verb in ("read", "write"))})
# Permissions about nothing of the above are for keys without scopes alone.
_NEEDED = {
    code: frozenset(f"{area}:{verb}" for area in areas for verb in ("read", "write")) for code, areas in _AREAS.items()
}


def clean_scopes(scopes: Collection[str]) -> list[str]:
    """Return scopes in order and once each, or raise DomainError for one that there is not."""
    unknown = sorted(set(scopes) - SCOPES)
    if unknown:
        raise DomainError(
            f"There is no scope {unknown[0]!r}; there are {', '.join(sorted(SCOPES))}.",
            code="INVALID_SCOPE",
            field="scopes",
        )
    return sorted(set(scopes))


def narrow(permissions: Collection[str], scopes: Collection[str]) -> frozenset[str]:
    """Return the permissions that are left where nobody asks for single scopes."""
    if not scopes:
        return frozenset(permissions)
    held = frozenset(scopes)
    kept = [code for code in permissions if code in _NEEDED and _NEEDED[code] <= held]
    return frozenset([*kept, *(code for code in permissions if code not in GRANTS)])

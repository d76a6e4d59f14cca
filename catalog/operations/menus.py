"""Menus: an item's place in the tree, and the one thing that it leads to."""

from uuid import UUID

from django.db import models

from catalog.models import Menu, MenuItem
from catalog.models.menus import MAX_LEVELS
from commerce.errors import DomainError


class MenuCycle(DomainError):
    code = "INVALID"


def place_item(item: MenuItem) -> None:
    """Check what an item leads to, set its level under its parent, and take everything below along when it moves.

    Locks the menu, so that two moves at once make no circle. Raises MenuCycle for an item below itself, DomainError
    naming the field for anything else that does not fit.
    """
    _check_target(item)
    if not Menu.objects.select_for_update().filter(id=item.menu_id).exists():
        raise DomainError(f"There is no menu {item.menu_id}.", code="NOT_FOUND", field="menu")
    below = [] if item._state.adding else list_below(item.id)
    item.level = _level(item, {row[0] for row in below})
    moved_by = item.level - (below[0][1] if below else item.level)
    if max([item.level, *(level + moved_by for _, level in below)]) >= MAX_LEVELS:
        raise DomainError(f"A menu has {MAX_LEVELS} levels at most.", field="parent")
    if len(below) > 1:
        MenuItem.objects.filter(id__in=[row[0] for row in below[1:]]).update(
            level=models.F("level") + moved_by, menu_id=item.menu_id
        )


def list_below(item_id: UUID) -> list[tuple[UUID, int]]:
    """Return id and level of an item, if it is there, and of all items below it."""
    found = list(MenuItem.objects.filter(id=item_id).values_list("id", "level"))
    frontier = found
    while frontier:
        frontier = list(MenuItem.objects.filter(parent_id__in=[row[0] for row in frontier]).values_list("id", "level"))
        found = found + frontier
    return found


def _check_target(item: MenuItem) -> None:
    given = [name for name in MenuItem.TARGETS if getattr(item, f"{name}_id") is not None]
    given += ["url"] if item.url else []
    if len(given) > 1:
        raise DomainError(f"An item leads to one thing; {' and '.join(given)} were given.", field=given[1])


def _level(item: MenuItem, below: set[UUID]) -> int:
    if item.parent_id is None:
        return 0
    parent = MenuItem.objects.filter(id=item.parent_id).first()
    if parent is None or parent.menu_id != item.menu_id:
        raise DomainError(f"The menu has no item {item.parent_id}.", code="NOT_FOUND", field="parent")
    if parent.id in below:
        raise MenuCycle(f"{item.name!r} cannot be placed below itself.", field="parent")
    return parent.level + 1

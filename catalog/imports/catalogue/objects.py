"""Lines of what a shop has few of (types, categories, pages, menus …): compared and saved one by one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from catalog import operations
from catalog.exports import shapes
from catalog.exports.shapes import Shape, told
from catalog.imports.catalogue.lines import Cells, Refused, read_columns, read_list, read_name, read_values, read_words
from catalog.imports.catalogue.names import Names
from catalog.models import Attribute, Menu, MenuItem, Page, PageValue, Translation
from commerce.db.topics import about

CREATED, CHANGED, LEFT = "created", "changed", "left"


class Objects:
    """Writes lines of objects in the caller's scope, each by the ordinary operations."""

    def __init__(self, names: Names, actor: str) -> None:
        self.names, self.actor = names, actor

    def write(self, shape: Shape, cells: Cells, now: datetime) -> str:
        """Bring an object to what its line says, and return whether it was created, changed or left. Raises Refused."""
        wanted = {**read_columns(shape, cells, also=("object",)), **self._references(shape, cells)}
        words = read_words(shape, cells)
        parts = [
            (part, self._part_rows(part, cells))
            for part in shape.parts
            if part not in (shapes.PAGE_VALUES, shapes.ITEM)
        ]
        one = shape.model._default_manager.filter(slug=wanted["slug"]).first()
        is_new = one is None
        one = one or shape.model()
        is_changed = self._save(one, wanted, now)
        self.names.learn(shape.model, wanted["slug"], one.pk)
        for part, rows in parts:
            is_changed |= self._write_parts(part, one.pk, rows, now)
        if isinstance(one, Page):
            is_changed |= self._write_values(one, cells, now)
        elif isinstance(one, Menu):
            is_changed |= self._write_items(one, cells, now)
        is_changed |= self._translate(one.pk, words, now)
        return CREATED if is_new else CHANGED if is_changed else LEFT

    def _references(self, shape: Shape, cells: Cells, place: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for column, model in shape.references.items():
            if model != "none":
                name = told(column)
                found[column] = self.names.find(model, read_name(cells, name, place), place + name)
                if found[column] is None and not shape.model._meta.get_field(name).null:
                    raise Refused(place + name, "is missing.")
        return found

    def _part_rows(self, part: Shape, cells: Cells) -> dict[tuple[Any, ...], dict[str, Any]]:
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for place, item in read_list(cells, part.name):
            row = {**read_columns(part, item, f"{place}."), **self._references(part, item, f"{place}.")}
            key = tuple(row[name] for name in part.key)
            if key in rows:
                raise Refused(place, "stands twice.")
            rows[key] = row
        return rows

    def _save(self, one: Any, wanted: dict[str, Any], now: datetime) -> bool:
        """Save an object where it is new or differs, and return whether it was."""
        if not one._state.adding and all(_same(getattr(one, name), value) for name, value in wanted.items()):
            return False
        for name, value in wanted.items():
            setattr(one, name, value)
        operations.save(one, now=now, actor=self.actor)
        return True

    def _write_parts(self, part: Shape, owner_id: UUID, rows: dict[tuple[Any, ...], Any], now: datetime) -> bool:
        held = {
            tuple(getattr(row, name) for name in part.key): row
            for row in part.model._default_manager.filter(**{part.owner: owner_id})
        }
        is_changed = False
        for key, row in rows.items():
            one = held.pop(key, None) or part.model(**{part.owner: owner_id})
            is_changed |= self._save(one, row, now)
        return self._delete(held.values(), now) or is_changed

    def _translate(self, object_id: UUID, words: dict[str, dict[str, Any]], now: datetime) -> bool:
        held = {row.language: row for row in Translation.objects.filter(object_id=object_id)}
        is_changed = False
        for language, texts in words.items():
            one = held.pop(language, None) or Translation(object_id=object_id)
            is_changed |= self._save(one, texts, now)
        return self._delete(held.values(), now) or is_changed

    def _delete(self, rows: Iterable[models.Model], now: datetime) -> bool:
        gone = list(rows)
        for row in gone:
            operations.delete(row, now=now, actor=self.actor)
        return bool(gone)

    def _write_values(self, page: Page, cells: Cells, now: datetime) -> bool:
        named = [(place, self.names.find(Attribute, attribute, place), slug, position)
                 for place, attribute, slug, position in read_values(cells)]  # fmt: skip
        known = self.names.load_values((attribute, slug) for _, attribute, slug, _ in named if attribute)
        wanted: dict[UUID, int] = {}
        for place, attribute, slug, position in named:
            if attribute is None or (attribute, slug) not in known:
                raise Refused(place, f"There is no value {slug!r} of it. The line of it must stand before this one.")
            wanted[known[attribute, slug]] = position
        own = PageValue.objects.filter(page_id=page.id)
        plain = own.exclude(value__attribute__input_type__in=shapes.REFERENCE_TYPES)
        held = dict(plain.values_list("value_id", "position"))
        if held == wanted:
            return False
        with about("page", [page.id]):
            own.filter(value_id__in=[id_ for id_ in held if held[id_] != wanted.get(id_)]).delete()
            PageValue.objects.bulk_create(
                PageValue(page_id=page.id, value_id=id_, position=position)
                for id_, position in wanted.items()
                if held.get(id_) != position
            )
        operations.save(page, now=now, actor=self.actor)
        return True

    def _write_items(self, menu: Menu, cells: Cells, now: datetime) -> bool:
        """Make a menu's items as its line has them, anew where one differs."""
        wanted = []
        for number, (place, item) in enumerate(read_list(cells, "items")):
            row = {**read_columns(shapes.ITEM, item, f"{place}."), **self._references(shapes.ITEM, item, f"{place}.")}
            parent = item.get("parent")
            if parent is not None and (type(parent) is not int or not 0 <= parent < number):
                raise Refused(f"{place}.parent", "is the number of an item before it, counted from 0.")
            wanted.append((parent, row, read_words(shapes.ITEM, item, f"{place}.")))
        held = list(MenuItem.objects.filter(menu_id=menu.id).order_by("level", "position", "id"))
        if _told_items(held) == wanted:
            return False
        self._delete([item for item in held if item.parent_id is None], now)
        made: list[MenuItem] = []
        for parent, row, words in wanted:
            one = MenuItem(menu_id=menu.id, parent_id=None if parent is None else made[parent].id)
            self._save(one, row, now)
            self._translate(one.id, words, now)
            made.append(one)
        return True


def _told_items(items: list[MenuItem]) -> list[tuple[int | None, dict[str, Any], dict[str, Any]]]:
    places = {item.id: place for place, item in enumerate(items)}
    columns = [f.attname for f in shapes.ITEM.columns] + [c for c, m in shapes.ITEM.references.items() if m != "none"]
    words: dict[UUID, dict[str, Any]] = {}
    names = [f.attname for f in shapes.TRANSLATED]
    for row in Translation.objects.filter(object_id__in=list(places)):
        texts = {"object_kind": row.object_kind, **{name: getattr(row, name) for name in names}}
        words.setdefault(row.object_id, {})[row.language] = texts
    return [
        (
            places[item.parent_id] if item.parent_id else None,
            {name: getattr(item, name) for name in columns},
            words.get(item.id, {}),
        )
        for item in items
    ]


def _same(held: Any, wanted: Any) -> bool:
    return bool((str(held) if hasattr(held, "storage") else held) == wanted)

"""The pages and menus of a demo shop, from content.yaml."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import yaml

from catalog import operations
from catalog.demo import FOLDER
from catalog.models import Category, Collection, Menu, MenuItem, Page, PageType, Translation
from catalog.values import editorjs

LANGUAGE = "nl"  # besides the texts' own, English
Node = Mapping[str, Any] | str


def fill_content(*, shop: str, languages: Iterable[str], now: datetime) -> None:
    """Give the scope's tenant, whose name is `shop`, the pages and menus that it does not have yet."""
    content = yaml.safe_load((FOLDER / "content.yaml").read_text().replace("{shop}", shop))
    filler = _Filler(translated=LANGUAGE in languages, now=now)
    for page in content["pages"]:
        if not Page.objects.filter(slug=page["slug"]).exists():
            filler.add_page(page)
    for menu in content["menus"]:
        if not Menu.objects.filter(slug=menu["slug"]).exists():
            filler.add_menu(menu)


class _Filler:
    def __init__(self, *, translated: bool, now: datetime) -> None:
        self.translated = translated
        self.now = now

    def add_page(self, page: Mapping[str, Any]) -> None:
        kind = PageType.objects.filter(slug="page").first() or self._save(PageType(name="Page", slug="page"))
        made = self._save(
            Page(
                page_type=kind,
                slug=page["slug"],
                title=page["title"],
                content=editorjs(page["text"]),
                is_published=True,
                published_at=self.now,
            )
        )
        words = page[LANGUAGE]
        self._translate("Page", made, name=words["title"], description=editorjs(words["text"]))

    def add_menu(self, menu: Mapping[str, Any]) -> None:
        made = self._save(Menu(name=menu["name"], slug=menu["slug"]))
        self._add_items(made, None, menu["items"])

    def _add_items(self, menu: Menu, parent: MenuItem | None, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if isinstance(node, str):
                self._add_categories(menu, parent, None)
                continue
            target = _target(node)
            if target is None:
                continue
            item = self._add(menu, parent, node["name"], node[LANGUAGE], **target)
            self._add_items(menu, item, node.get("items", ()))

    def _add_categories(self, menu: Menu, parent: MenuItem | None, above: Category | None) -> None:
        for category in Category.objects.filter(parent=above).order_by("position", "name"):
            words = Translation.objects.filter(object_id=category.id, language=LANGUAGE).first()
            item = self._add(menu, parent, category.name, words.name if words else "", category=category)
            self._add_categories(menu, item, category)

    def _add(self, menu: Menu, parent: MenuItem | None, name: str, translated: str, **target: Any) -> MenuItem:
        position = MenuItem.objects.filter(menu=menu, parent=parent).count()
        item: MenuItem = self._save(MenuItem(menu=menu, parent=parent, name=name, position=position, **target))
        if translated:
            self._translate("MenuItem", item, name=translated)
        return item

    def _translate(self, kind: str, instance: Any, **words: Any) -> None:
        if self.translated:
            self._save(Translation(object_kind=kind, object_id=instance.id, language=LANGUAGE, **words))

    def _save(self, instance: Any) -> Any:
        operations.save(instance, now=self.now)
        return instance


def _target(node: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what an item leads to, nothing for a heading; None where that is not there."""
    for name, model in (("collection", Collection), ("page", Page)):
        if name in node:
            found = model._default_manager.filter(slug=node[name]).first()
            return {name: found} if found else None
    return {"url": node["url"]} if "url" in node else {}

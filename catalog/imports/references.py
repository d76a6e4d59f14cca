"""What rows name and share: product types, attributes, categories, collections, warehouses. New ones are made.

They are few, so they are kept in memory and made one by one by the ordinary operations; attributes are made in bulk.
"""

from collections.abc import Collection as Sized
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import models
from django.utils.text import slugify

from catalog import operations
from catalog.imports.drafts import Market, ProductDraft
from catalog.imports.errors import Collision, MappingError
from catalog.imports.mapping import FLAGS, Mapping
from catalog.imports.plan import Plan, PlannedAttribute
from catalog.imports.sheets import Sheet, Written, touch
from catalog.models import (
    Attribute,
    Category,
    Collection,
    CollectionPublication,
    ProductType,
    ProductTypeAttribute,
    Translation,
    Warehouse,
    WarehouseChannel,
)
from commerce import outbox
from commerce.db.models import new_id
from commerce.errors import DomainError


class References:
    """The shop's own, as far as an import has met them. `forget` after a transaction that was rolled back."""

    def __init__(self, mapping: Mapping, plan: Plan, markets: Sized[Market], actor: str) -> None:
        self.mapping, self.plan, self.markets, self.actor = mapping, plan, markets, actor
        self.forget()

    def forget(self) -> None:
        """Look everything up again."""
        self._types: dict[str, UUID] = {}
        self._attributes: dict[str, UUID] | None = None
        self._pairs: dict[UUID, set[tuple[UUID, bool]]] = {}
        self._categories: _Categories | None = None
        self._collections: dict[str, UUID] = {}
        self._warehouses: dict[str, UUID] = {}
        # Attribute values by their attribute's slug and their own, as many as `assigning` lets stay.
        self.value_ids: dict[tuple[str, str], UUID] = {}

    def bind(self) -> None:
        """Settle the type of each attribute. Raises MappingError where the shop's attribute has another one."""
        slugs = [attribute.slug for attribute in self.plan]
        types = dict(Attribute.objects.filter(slug__in=slugs).values_list("slug", "input_type"))
        for attribute in self.plan:
            wanted, existing = attribute.rule.type, types.get(attribute.slug)
            if wanted and existing and wanted != existing:
                raise MappingError(
                    f"{self.mapping.name}: {attribute.rule.key}: the shop's attribute {attribute.slug!r} is "
                    f"{existing} and not {wanted}: give the column {attribute.source.label} another `slug`.",
                    field=attribute.rule.key,
                )
            attribute.type = wanted or existing or Attribute.InputType.DROPDOWN.value

    @property
    def known_attributes(self) -> dict[str, UUID]:
        """The ids of the plan's attributes that the shop has, by slug."""
        if self._attributes is None:
            slugs = [attribute.slug for attribute in self.plan]
            self._attributes = dict(Attribute.objects.filter(slug__in=slugs).values_list("slug", "id"))
        return self._attributes

    def product_type(self, name: str, now: datetime) -> UUID:
        """Return the product type of this name or slug, made if there is none."""
        if name not in self._types:
            slug = _slug(name)
            found = ProductType.objects.filter(slug=slug).first() or ProductType.objects.filter(name=name).first()
            if found is None:
                found = ProductType(name=name, slug=slug)
                self._save(found, now)
            self._types[name] = found.id
        return self._types[name]

    def attributes(self, wanted: Iterable[PlannedAttribute], now: datetime) -> dict[str, UUID]:
        """Return the ids by slug; attributes that the shop has not are made."""
        known = self.known_attributes
        missing = {attribute.slug: attribute for attribute in wanted if attribute.slug not in known}
        if missing:
            new = self._make_attributes(missing.values(), now)
            known.update({made.facts["slug"]: made.id for made in new})
            for made in new:
                self._translate("Attribute", made.id, missing[made.facts["slug"]].rule.names, now)
        return known

    def _make_attributes(self, planned: Iterable[PlannedAttribute], now: datetime) -> list[Written]:
        flags = list(FLAGS.values())
        sheet = Sheet(Attribute, keys=["slug"], columns=[], once=["id", "name", "input_type", "unit", *flags])
        for attribute in planned:
            rule = attribute.rule
            defaults = {
                field.name: field.get_default() for field in Attribute._meta.local_fields if field.name in flags
            }
            given = {**defaults, **rule.flags}
            sheet.add(
                id=new_id(),
                slug=attribute.slug,
                name=attribute.name,
                input_type=attribute.type,
                unit=rule.unit,
                **given,
            )
        sheet.fill()
        new = sheet.write(now=now)
        outbox.publish_many(
            outbox.NewEvent("catalog.attribute.created", "Attribute", made.id, made.version, made.facts, self.actor)
            for made in new
        )
        return new

    def pair(self, type_id: UUID, planned: dict[str, PlannedAttribute], now: datetime) -> None:
        """Give a product type the attributes of these slugs that it has not."""
        if type_id not in self._pairs:
            held = ProductTypeAttribute.objects.filter(product_type_id=type_id)
            self._pairs[type_id] = set(held.values_list("attribute_id", "on_variants"))
        known, ids = self._pairs[type_id], self.known_attributes
        keys = ["product_type_id", "attribute_id", "on_variants"]
        sheet = Sheet(ProductTypeAttribute, keys=keys, columns=[], once=["id", "variant_selection", "position"])
        for slug, attribute in planned.items():
            pair = (ids[slug], attribute.rule.on_variants)
            if pair not in known:
                known.add(pair)
                sheet.add(
                    id=new_id(),
                    product_type_id=type_id,
                    attribute_id=pair[0],
                    on_variants=pair[1],
                    variant_selection=attribute.rule.variant_selection,
                    position=attribute.position,
                )
        if sheet.rows:
            sheet.fill()
            sheet.write(now=now)
            outbox.publish_many(
                outbox.NewEvent(
                    "catalog.product_type.updated", "ProductType", row.id, row.version, row.facts, self.actor
                )
                for row in touch(ProductType, {type_id}, now)
            )

    def category(self, draft: ProductDraft, now: datetime) -> UUID | None:
        """Return a draft's category, made if the mapping allows it. Raises DomainError where it is not there."""
        rule = self.mapping.category
        if rule is None or not draft.category:
            return None
        if self._categories is None:
            self._categories = _Categories()
        if rule.by != "path":
            return self._categories.single(rule.by, draft.category[0])
        parent: UUID | None = None
        for depth, name in enumerate(draft.category):
            found = self._categories.child(parent, name)
            if found is None:
                if not rule.create:
                    raise DomainError(f"There is no category {' > '.join(draft.category[: depth + 1])!r}.")
                found = self._new_category(self._categories, parent, name, now)
                words = {lang: path[depth] for lang, path in draft.category_words.items() if path}
                self._translate("Category", found, words, now)
            parent = found
        return parent

    def _new_category(self, known: "_Categories", parent: UUID | None, name: str, now: datetime) -> UUID:
        category = Category(name=name, slug=known.free_slug(parent, name), parent_id=parent)
        self._save(category, now)
        known.add(category.id, parent, name, category.slug)
        return category.id

    def collection(self, name: str, now: datetime) -> UUID:
        """Return the collection of this slug or name, made and published in the import's channels if there is none."""
        if name not in self._collections:
            slug = _slug(name)
            found = Collection.objects.filter(slug=slug).first() or Collection.objects.filter(name=name).first()
            if found is None:
                found = Collection(name=name, slug=slug)
                self._save(found, now)
                for market in self.markets:
                    published = CollectionPublication(collection_id=found.id, channel_id=market.id)
                    self._save(published, now)
            self._collections[name] = found.id
        return self._collections[name]

    def warehouse(self, slug: str, now: datetime) -> UUID:
        """Return the warehouse of this slug, made and opened to the import's channels if there is none."""
        if slug not in self._warehouses:
            found = Warehouse.objects.filter(slug=slug).first()
            if found is None:
                found = Warehouse(name=slug.replace("-", " ").capitalize(), slug=slug)
                self._save(found, now)
                WarehouseChannel.objects.bulk_create(
                    [WarehouseChannel(warehouse_id=found.id, channel_id=market.id) for market in self.markets]
                )
            self._warehouses[slug] = found.id
        return self._warehouses[slug]

    def _save(self, instance: models.Model, now: datetime) -> None:
        try:
            operations.save(instance, now=now, actor=self.actor)
        except operations.NotUnique as error:  # it was not there when we looked
            raise Collision(f"{error.message} Another process made it just now: try again.") from error

    def _translate(self, kind: str, object_id: UUID, words: dict[str, str], now: datetime) -> None:
        for language, name in words.items():
            translation = Translation(object_kind=kind, object_id=object_id, language=language, name=name)
            self._save(translation, now)


class _Categories:
    """The shop's tree by (parent, name), by slug and by name."""

    def __init__(self) -> None:
        self._children: dict[tuple[UUID | None, str], UUID] = {}
        self._slugs: dict[str, UUID] = {}
        self._slug_of: dict[UUID, str] = {}
        self._named: dict[str, list[UUID]] = {}
        for id_, parent, name, slug in Category.objects.order_by("id").values_list("id", "parent_id", "name", "slug"):
            self.add(id_, parent, name, slug)

    def add(self, id_: UUID, parent: UUID | None, name: str, slug: str) -> None:
        self._children.setdefault((parent, name.casefold()), id_)
        self._slugs[slug] = id_
        self._slug_of[id_] = slug
        self._named.setdefault(name.casefold(), []).append(id_)

    def child(self, parent: UUID | None, name: str) -> UUID | None:
        return self._children.get((parent, name.casefold()))

    def single(self, by: str, text: str) -> UUID:
        found = (
            self._named.get(text.casefold(), []) if by == "name" else [self._slugs[text]] if text in self._slugs else []
        )
        if len(found) != 1:
            what = f"{len(found)} categories have" if found else "No category has"
            raise DomainError(f"{what} the {by} {text!r}.")
        return found[0]

    def free_slug(self, parent: UUID | None, name: str) -> str:
        slug = _slug(name)
        if slug in self._slugs and parent is not None:
            slug = f"{self._slug_of[parent]}-{slug}"[:250]
        candidate, number = slug, 1
        while candidate in self._slugs:
            number += 1
            candidate = f"{slug}-{number}"
        return candidate


def _slug(name: str) -> str:
    return slugify(name, allow_unicode=True)[:200] or "x"

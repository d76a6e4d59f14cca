"""Lines of attribute values, and of references, many in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.exports import shapes
from catalog.imports.catalogue.lines import Cells, Refused, check_value, read_columns, read_name, read_words
from catalog.imports.catalogue.names import Names, find_object
from catalog.imports.events import publish
from catalog.imports.removals import Removal
from catalog.imports.sheets import Sheet, by_index, execute, touch
from catalog.models import (
    Attribute,
    AttributeValue,
    Page,
    PageValue,
    Product,
    ProductValue,
    Translation,
    Variant,
    VariantValue,
)
from catalog.operations import ensure_value, refresh_products
from catalog.search import following, pending
from commerce.db.models import new_id
from commerce.db.topics import about_objects
from commerce.errors import DomainError

_GONE_WORDS = """
SELECT t.object_id, t.id, t.object_id FROM catalog_translation t WHERE t.object_id = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_translation s WHERE s.object_id = t.object_id AND s.language = t.language)
"""
Read = tuple[dict[str, Any], dict[str, dict[str, Any]]]


def read_value(cells: Cells, names: Names) -> Read:
    """Return the columns and the translations of a value's line. Raises Refused."""
    columns = read_columns(shapes.VALUE, cells, also=("object",))
    slug = read_name(cells, "attribute")
    attribute = names.find(Attribute, slug, "attribute")
    if attribute is None:
        raise Refused("attribute", "is missing.")
    check_value(names.input_type(attribute), slug or "", columns)
    return {**columns, "attribute_id": attribute}, read_words(shapes.VALUE, cells)


def write_values(read: Sequence[Read], names: Names, *, now: datetime, actor: str) -> tuple[int, int, int]:
    """Bring values to what their lines say; return how many were created, changed and left."""
    known = names.load_values((columns["attribute_id"], columns["slug"]) for columns, _ in read)
    columns = [f.attname for f in shapes.VALUE.columns if f.attname != "slug"]
    values = Sheet(AttributeValue, keys=["attribute_id", "slug"], columns=columns, once=["id"])
    texts = [f.attname for f in shapes.TRANSLATED if f.attname != "language"]
    words = Sheet(Translation, keys=["object_id", "language"], columns=texts, once=["id", "object_kind"])
    for row, translations in read:
        id_ = known.get((row["attribute_id"], row["slug"])) or new_id()
        values.add(id=id_, **row)
        for text in translations.values():
            words.add(id=new_id(), object_id=id_, **text)
    values.fill()
    words.fill()
    gone = execute(_GONE_WORDS, [list(known.values())]) if known else []
    with by_index():
        values.prune()
        words.prune()
    removal = Removal(Translation, ("id", "object_id"), gone)
    changed = {*values.left("id"), *words.left("object_id"), *removal.products}
    old = changed & set(known.values())
    with about_objects({"value": changed, "translation": changed}):
        lost = removal.delete()
        new = [(AttributeValue, values.write(now=now)), (Translation, words.write(now=now))]
    publish(new, [(Translation, lost)], {}, actor)
    if old:
        pending.add("AttributeValue", old)
    return len(read) - len(known), len(old), len(known) - len(old)


class Uses:
    """Uses of references: who has which value, that leads where."""

    _MODELS: dict[str, tuple[Any, Any, str]] = {
        "Product": (ProductValue, Product, "product_id"),
        "ProductVariant": (VariantValue, Variant, "variant_id"),
        "Page": (PageValue, Page, "page_id"),
    }

    def __init__(self, names: Names, actor: str) -> None:
        self.names, self.actor = names, actor

    def write(self, cells: Cells, now: datetime) -> bool:
        """Give an owner the value of a line, and return whether that was new. Raises Refused."""
        unknown = cells.keys() - {"object", "attribute", "owner", "target", "position"}
        position = cells.get("position", 0)
        if unknown or type(position) is not int:
            raise Refused(min(unknown, default="position"), "is not known here." if unknown else "is no whole number.")
        attribute = self.names.find(Attribute, read_name(cells, "attribute"), "attribute")
        if attribute is None:
            raise Refused("attribute", "is missing.")
        if self.names.input_type(attribute) not in shapes.REFERENCE_TYPES:
            raise Refused("attribute", f"is {self.names.input_type(attribute)}, and no reference.")
        kind, owner_id = find_object(cells.get("owner"), "owner")
        if kind not in self._MODELS:
            raise Refused("owner", f"is a {kind}, which has no values.")
        target_kind, target_id = find_object(cells.get("target"), "target")
        try:
            held = Attribute.objects.get(id=attribute)
            value = ensure_value(attribute=held, raw=f"{target_kind}:{target_id}")
        except DomainError as error:
            raise Refused("target", error.message) from error
        return self._assign(kind, owner_id, value.id, position, now)

    def _assign(self, kind: str, owner_id: UUID, value_id: UUID, position: int, now: datetime) -> bool:
        model, owner, column = self._MODELS[kind]
        row = model.objects.filter(**{column: owner_id}, value_id=value_id)
        if row.filter(position=position).exists():
            return False
        own: dict[str, Any] = {column: owner_id}
        products = [owner_id] if kind == "Product" else []
        if kind == "ProductVariant":
            own["product_id"] = Variant.objects.values_list("product_id", flat=True).get(id=owner_id)
            products = [own["product_id"]]
        with about_objects({"product": products, "page": [owner_id] if kind == "Page" else []}):
            if not row.update(position=position):
                model.objects.create(**own, value_id=value_id, position=position)
            publish([(owner, touch(owner, {owner_id}, now))], [], {}, self.actor)
        refresh_products(products, now=now)
        following.follow_products(products)
        return True

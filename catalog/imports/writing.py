"""One batch of drafts into the catalogue: compare, lock, write what differs, publish, bring the listings up to date."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from catalog.imports import filling
from catalog.imports.assigning import Values
from catalog.imports.drafts import Market, ProductDraft, VariantDraft
from catalog.imports.errors import Collision, Problem
from catalog.imports.events import Rows, publish
from catalog.imports.filling import Batch
from catalog.imports.identities import Identities, KnownProduct
from catalog.imports.mapping import Mapping
from catalog.imports.references import References
from catalog.imports.removals import Removal, find_removals
from catalog.imports.sheets import Sheet, by_index, execute, touch
from catalog.models import (
    AttributeValue,
    Collection,
    ProductValue,
    Translation,
    VariantValue,
)
from catalog.operations import refresh_products
from catalog.search import following
from commerce.db.topics import about_objects
from commerce.errors import DomainError


@dataclass(slots=True)
class Outcome:
    """What a batch did, in products, and why rows (`refused`, so many) were refused while it was written."""

    created: int = 0
    changed: int = 0
    left: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)

    def plus(self, other: "Outcome") -> "Outcome":
        """Return the sum of both."""
        return Outcome(
            self.created + other.created,
            self.changed + other.changed,
            self.left + other.left,
            self.refused + other.refused,
            [*self.problems, *other.problems],
        )


class StockTooLow(Exception):
    """The file gives variants fewer pieces than are reserved. What was written must be rolled back."""

    def __init__(self, variants: list[tuple[VariantDraft, Problem]]) -> None:
        super().__init__(f"{len(variants)} variants")
        self.variants = variants


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes batches of one import, each in the caller's scope. In a dry run nothing is published or listed."""

    mapping: Mapping
    markets: dict[str, Market]
    published_in: Sequence[Market]
    references: References
    actor: str
    is_dry_run: bool = False

    def write(self, drafts: Sequence[ProductDraft], *, lines: dict[str, int], now: datetime) -> Outcome:
        """Bring the catalogue to what the drafts say; `lines` tells where in the file each key stands.

        Raises StockTooLow.
        """
        identities = Identities(self.mapping, drafts, lines)
        problems = identities.problems
        known = [product for draft in drafts if (product := identities.identify(draft)) is not None]
        placed = [product for product in known if self._place(product, problems, now)]
        batch = Batch(self.mapping, self.references, self.markets, self.published_in, placed, now)
        touched = self._write(batch) if placed else set()
        outcome = Outcome(problems=problems, refused=sum(len(draft.rows) for draft in drafts))
        for product in placed:
            lost = len(product.draft.variants) - len(product.variants)
            outcome.refused -= len(product.draft.rows) - lost
            if product.is_new:
                outcome.created += 1
            elif product.id in touched:
                outcome.changed += 1
            else:
                outcome.left += 1
        return outcome

    def _place(self, product: KnownProduct, problems: list[Problem], now: datetime) -> bool:
        """Find or make what a product names; False, with a problem, where it is not there and may not be made."""
        draft, rule = product.draft, self.mapping.category
        try:
            if rule is not None:
                draft.columns["category_id"] = self.references.category(draft, now)
        except Collision:
            raise
        except DomainError as error:
            row = draft.rows[0]
            label = rule.source.label if rule else ""
            problems.append(Problem(row.ordinal, row.line, label, error.message, row.source))
            return False
        draft.columns["product_type_id"] = self.references.product_type(draft.product_type, now)
        return True

    def _write(self, batch: Batch) -> set[UUID]:
        """Write a batch, and return the products that are new or changed."""
        values = Values(batch)
        sheets = _Sheets.of(batch, values)
        sheets.fill()
        removals = [*find_removals(batch), *values.removals()]
        if batch.existing:
            sheets.prune()
        touched = sheets.touched().union(*(removal.products for removal in removals))
        if not touched:
            return touched
        held = _lock_stock(batch, sheets.stock)
        execute("SELECT FROM catalog_product WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [sorted(touched)])
        own = sheets.touched_objects(removals)
        reworded = sheets.reworded(removals)
        told = {"product": touched, "translation": touched, "quantity": sheets.stock.left("variant_id")}
        with about_objects(told):
            gone = [(removal.model, removal.delete()) for removal in removals]
            new = sheets.write(own, batch.now)
        if not self.is_dry_run:
            made = [(AttributeValue, values.made), (Translation, values.words)]
            publish([*made, *new], gone, held, self.actor)
            refresh_products(touched, now=batch.now)
            following.follow_products(reworded)
        return touched


@dataclass(frozen=True, slots=True)
class _Sheets:
    """All sheets of a batch."""

    products: Sheet
    publications: Sheet
    variants: Sheet
    prices: Sheet
    stock: Sheet
    media: Sheet
    collections: Sheet
    product_values: Sheet
    variant_values: Sheet
    translations: list[Sheet]

    @classmethod
    def of(cls, batch: Batch, values: Values) -> "_Sheets":
        product_values, variant_values = values.sheets()
        return cls(
            products=filling.product_sheet(batch),
            publications=filling.publication_sheet(batch),
            variants=filling.variant_sheet(batch),
            prices=filling.price_sheet(batch),
            stock=filling.stock_sheet(batch),
            media=filling.media_sheet(batch),
            collections=filling.collection_sheet(batch),
            product_values=product_values,
            variant_values=variant_values,
            translations=filling.translation_sheets(batch),
        )

    def __iter__(self) -> Iterator[tuple[Sheet, str]]:
        """Yield each sheet with the column that tells the product."""
        yield self.products, "id"
        for sheet in (self.publications, self.variants, self.prices, self.stock, self.media, self.collections):
            yield sheet, "product_id"
        yield self.product_values, "product_id"
        yield self.variant_values, "product_id"
        for sheet in self.translations:
            yield sheet, "object_id"

    def fill(self) -> None:
        for sheet, _ in self:
            sheet.fill()

    def prune(self) -> None:
        with by_index():
            for sheet, _ in self:
                if sheet not in (self.product_values, self.variant_values):  # they hold differences alone
                    sheet.prune()

    def touched(self) -> set[UUID]:
        """Return the products of which something is new or differs."""
        return {product for sheet, column in self for product in sheet.left(column)}

    def reworded(self, removals: Sequence[Removal]) -> set[UUID]:
        """Return the products of which something differs that they are found by."""
        worded = (self.products, self.variants, self.product_values, self.variant_values, *self.translations)
        named = {sheet.name for sheet in worded}
        changed = {product for sheet, column in self if sheet.name in named for product in sheet.left(column)}
        lost = (removal.products for removal in removals if removal.model in (ProductValue, Translation, VariantValue))
        return changed.union(*lost)

    def touched_objects(self, removals: Sequence[Removal]) -> tuple[set[UUID], set[UUID], set[UUID]]:
        """Return the products, variants and collections that change although their own columns may not."""
        lost = {removal.model: removal.rows for removal in removals}
        products = {*self.publications.left("product_id"), *self.product_values.left("product_id")}
        products.update(row[0] for row in lost.get(ProductValue, []))
        variants = {*self.variant_values.left("variant_id"), *(row[1] for row in lost.get(VariantValue, []))}
        return products, variants, set(self.collections.left("collection_id"))

    def write(self, own: tuple[set[UUID], set[UUID], set[UUID]], now: datetime) -> list[Rows]:
        """Write what is left in the sheets, and return the objects whose events are due."""
        new: list[Rows] = []
        for sheet, changed in ((self.products, own[0]), (self.variants, own[1])):
            rows = sheet.write(now=now)
            new.append((sheet.model, [*rows, *touch(sheet.model, changed.difference(row.id for row in rows), now)]))
        parts = (self.prices, self.stock, self.media, *self.translations)
        new += [(sheet.model, sheet.write(now=now)) for sheet in parts]
        for sheet in (self.publications, self.product_values, self.variant_values, self.collections):
            sheet.write(now=now)
        new.append((Collection, touch(Collection, own[2], now)))
        return new


def _lock_stock(batch: Batch, stock: Sheet) -> dict[UUID, tuple[int, int]]:
    """Lock the stock rows that change, in the order of ids, and return their pieces on hand and reserved, by id.

    Raises StockTooLow where more pieces are reserved than there are to be.
    """
    rows = execute(_LOCK_STOCK) if stock.rows else []
    short = {variant_id: (reserved, wanted) for variant_id, reserved, wanted, *_ in rows if wanted < reserved}
    if not short:
        return {id_: (on_hand, reserved) for _, reserved, _, id_, on_hand in rows}
    sources = {rule.warehouse: rule.source for rule in batch.mapping.stock}
    refused = []
    for _, variant in batch.variants:
        if variant.id in short:
            row, (reserved, wanted) = variant.draft.row, short[variant.id]
            label = sources[next(iter(variant.draft.stock))].label
            reason = f"{wanted} pieces are fewer than the {reserved} that are reserved."
            refused.append((variant.draft, Problem(row.ordinal, row.line, label, reason, row.source)))
    raise StockTooLow(refused)


_LOCK_STOCK = """
SELECT t.variant_id, t.reserved, s.on_hand, t.id, t.on_hand FROM catalog_stock t
JOIN import_stock s ON s.variant_id = t.variant_id AND s.warehouse_id = t.warehouse_id
ORDER BY t.id FOR UPDATE OF t
"""

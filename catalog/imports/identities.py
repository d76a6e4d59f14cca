"""Which product and variant of the shop a draft is, and whether the names that must be unique are free."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.text import slugify

from catalog.imports.drafts import ProductDraft, VariantDraft
from catalog.imports.errors import Problem
from catalog.imports.mapping import Mapping
from catalog.imports.sheets import execute
from commerce.db.models import new_id


@dataclass(slots=True)
class KnownVariant:
    """A variant: the draft's, its id, the position it takes when it is new, the SKU that it gets."""

    draft: VariantDraft
    id: UUID
    is_new: bool
    position: int
    sku: str | None


@dataclass(slots=True)
class KnownProduct:
    """A product: the draft's, its id and slug, its variants."""

    draft: ProductDraft
    id: UUID
    is_new: bool
    slug: str
    variants: list[KnownVariant]


@dataclass(frozen=True, slots=True)
class _Owner:
    variant_id: UUID
    product: str


class Identities:
    """The identities of one batch; names that a draft takes are taken for the drafts after it."""

    def __init__(self, mapping: Mapping, drafts: Sequence[ProductDraft], lines: dict[str, int]) -> None:
        self.mapping, self.lines = mapping, lines
        self.problems: list[Problem] = []
        self._products = self._load_products([draft.key for draft in drafts])
        self._variants = self._load_variants([id_ for id_, _ in self._products.values()])
        variants = [variant for draft in drafts for variant in draft.variants]
        skus = {sku for v in variants for sku in (v.columns.get("sku"), v.sku_when_taken) if sku}
        self._skus = self._load_owners("sku", skus)
        references = {v.columns["external_reference"] for v in variants if v.columns.get("external_reference")}
        self._references = self._load_owners("external_reference", references)
        self._slugs = self._load_slugs(drafts)

    def identify(self, draft: ProductDraft) -> KnownProduct | None:
        """Return who a draft is, or None, with a problem, where a name belongs to another."""
        id_, slug = self._products.get(draft.key) or (None, "")
        product = KnownProduct(draft, id_ or new_id(), id_ is None, slug, [])
        if not self._take_slug(product):
            return None
        own = self._variants.get(product.id, [])
        position = max((row[3] for row in own), default=-1) + 1
        used: set[UUID] = set()
        for variant in draft.variants:
            existing = self._existing(variant, [row for row in own if row[0] not in used])
            known = KnownVariant(variant, existing or new_id(), existing is None, position, variant.columns.get("sku"))
            if self._take_names(product, known):
                used.add(known.id)
                position += known.is_new
                product.variants.append(known)
        return product if product.variants else None

    def _existing(self, draft: VariantDraft, own: Sequence[Any]) -> UUID | None:
        """Return the product's variant that a draft means: by its reference, its SKU, or as the only one there is."""
        for column, place in (("external_reference", 2), ("sku", 1)):
            wanted = draft.columns.get(column)
            names = {wanted, draft.sku_when_taken} if column == "sku" else {wanted}
            for row in own:
                if row[place] and row[place] in names:
                    found: UUID = row[0]
                    return found
        if self.mapping.group_by is None and len(own) == 1:
            only: UUID = own[0][0]
            return only
        if self.mapping.group_by and not draft.columns.get("sku") and not draft.columns.get("external_reference"):
            # Those without any name go by their order.
            return next((row[0] for row in own if not row[1] and not row[2]), None)
        return None

    def _take_names(self, product: KnownProduct, variant: KnownVariant) -> bool:
        draft = variant.draft
        sku = draft.columns.get("sku")
        if sku and self._is_taken(self._skus, sku, variant) and draft.sku_when_taken:
            sku = draft.sku_when_taken
        variant.sku = sku
        reference = draft.columns.get("external_reference")
        for column, owners, name in (("sku", self._skus, sku), ("external_reference", self._references, reference)):
            if name and self._is_taken(owners, name, variant):
                self._refuse(product.draft, draft, column, f"{name!r} is that of {self._told(owners[name].product)}.")
                return False
        for owners, name in ((self._skus, sku), (self._references, reference)):
            if name:
                owners[name] = _Owner(variant.id, product.draft.key)
        return True

    def _is_taken(self, owners: dict[str, _Owner], name: str, variant: KnownVariant) -> bool:
        return name in owners and owners[name].variant_id != variant.id

    def _told(self, key: str) -> str:
        line = self.lines.get(key)
        return f"the product {key!r}" + (f" (line {line})" if line else "")

    def _take_slug(self, product: KnownProduct) -> bool:
        wanted = product.draft.columns.get("slug")
        if wanted:
            if self._slugs.get(wanted, product.id) != product.id:
                self._refuse(product.draft, product.draft, "slug", f"Another product has the slug {wanted!r}.")
                return False
            product.slug = wanted
        elif product.is_new:
            product.slug = next(slug for slug in _slugs_for(product.draft) if slug not in self._slugs)
        self._slugs[product.slug] = product.id
        return True

    def _refuse(self, draft: ProductDraft, part: ProductDraft | VariantDraft, column: str, reason: str) -> None:
        row = part.row if isinstance(part, VariantDraft) else draft.rows[0]
        texts = self.mapping.variant_texts if isinstance(part, VariantDraft) else self.mapping.product_texts
        self.problems.append(Problem(row.ordinal, row.line, texts[column].source.label, reason, row.source))

    def _load_products(self, keys: list[str]) -> dict[str, tuple[UUID, str]]:
        rows = execute(_BY_KEY[self.mapping.key], [keys])
        return {key: (id_, slug) for key, id_, slug in rows}

    def _load_variants(self, product_ids: list[UUID]) -> dict[UUID, list[Any]]:
        found: dict[UUID, list[Any]] = {}
        for product_id, *row in execute(_VARIANTS, [product_ids]) if product_ids else []:
            found.setdefault(product_id, []).append(row)
        return found

    def _load_owners(self, column: str, names: Iterable[str]) -> dict[str, _Owner]:
        wanted = list(names)
        rows = execute(_OWNERS.format(column=column), [wanted]) if wanted else []
        return {name: _Owner(variant_id, reference or slug) for name, variant_id, reference, slug in rows}

    def _load_slugs(self, drafts: Sequence[ProductDraft]) -> dict[str, UUID]:
        wanted = {draft.columns["slug"] for draft in drafts if draft.columns.get("slug")}
        for draft in drafts:
            if draft.key not in self._products and not draft.columns.get("slug"):
                wanted.update(_slugs_for(draft))
        rows = execute("SELECT slug, id FROM catalog_product WHERE slug = ANY(%s)", [list(wanted)]) if wanted else []
        return dict(rows)


def _slugs_for(draft: ProductDraft) -> list[str]:
    """Return slugs for a new product, best first; the last one is its own beyond doubt."""
    name, key = slugify(draft.columns["name"], allow_unicode=True)[:180], slugify(draft.key, allow_unicode=True)[:60]
    digest = hashlib.sha256(draft.key.encode()).hexdigest()[:12]
    found = [
        name,
        f"{name}-{key}",
        f"{name}-{digest}",
        f"product-{digest}",
        f"product-{draft.rows[0].ordinal}-{digest}",
    ]
    return [slug.strip("-") for slug in found if slug.strip("-")]


_BY_REFERENCE = "SELECT external_reference, id, slug FROM catalog_product WHERE external_reference = ANY(%s)"
_BY_SKU = """
SELECT v.sku, p.id, p.slug FROM catalog_variant v JOIN catalog_product p ON p.id = v.product_id WHERE v.sku = ANY(%s)
"""
_BY_KEY = {
    "external_reference": _BY_REFERENCE,
    "sku": _BY_SKU,
    "slug": "SELECT slug, id, slug FROM catalog_product WHERE slug = ANY(%s)",
}
_VARIANTS = """
SELECT product_id, id, sku, external_reference, position FROM catalog_variant
WHERE product_id = ANY(%s) ORDER BY product_id, position, id
"""
_OWNERS = """
SELECT v.{column}, v.id, p.external_reference, p.slug
FROM catalog_variant v JOIN catalog_product p ON p.id = v.product_id WHERE v.{column} = ANY(%s)
"""

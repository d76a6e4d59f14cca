"""Filling a shop with Icecat's catalogue, and asking it the judged queries."""

import gzip
import json
from collections.abc import Callable, Collection
from pathlib import Path

from django.utils import timezone

from catalog.imports import Options, import_products, load_mapping
from catalog.queries.lists import ProductList, get_page
from catalog.search import pending, status
from catalog.search.query import make_search
from commerce.db.scope import tenant_scope
from commerce.graphql.paging import PageRequest
from tenants.queries import list_channel_rows
from tests.catalog.ndcg import DEPTH, HERE, data, ndcg, read_judgements

MAPPING = HERE.parents[2] / "docs" / "import" / "icecat.yaml"


class Silent:
    """Watches an import and says nothing."""

    def started(self, progress: object, problems: object) -> None: ...

    def advanced(self, progress: object, problems: object) -> None: ...


def fill(tenant_id: int, folder: Path, *, only: Callable[[str], bool] = lambda key: True) -> None:
    """Import those products of the catalogue whose id is wanted, and write their documents."""
    path = folder / "products.jsonl"
    with gzip.open(data(), "rt", encoding="utf-8") as source, path.open("w", encoding="utf-8") as target:
        target.writelines(line for line in source if only(json.loads(line)["id"]))
    import_products(
        tenant_id=tenant_id,
        path=path,
        mapping=load_mapping(MAPPING, path),
        options=Options(),
        observer=Silent(),
        clock=timezone.now,
    )
    while True:
        with tenant_scope(tenant_id):
            pending.write_some(at_most=500)
            if not pending.count():
                status.recount_words(timezone.now())
                return


def measure(tenant_id: int, *, known: Collection[str] | None = None) -> dict[str, float]:
    """Return the nDCG@10 of each judged query; `known` are the products that the shop has, all if not given."""
    found = {}
    for query, judged in read_judgements().items():
        here = judged if known is None else {key: grade for key, grade in judged.items() if key in known}
        if 3 in here.values():
            found[query] = ndcg(search(tenant_id, query), here)
    return found


def search(tenant_id: int, text: str) -> list[str]:
    """Return the ids of the first hits, as Icecat has them."""
    with tenant_scope(tenant_id, read_only=True, along_indexes=True):
        channel = list_channel_rows()[0]
        language = channel.language or "en"
        wanted = ProductList(
            channel=channel,
            now=timezone.now(),
            order="RELEVANCE",
            descending=True,
            language=language,
            search=make_search(text, language),
        )
        return [row.external_reference or "" for row in get_page(wanted, PageRequest(DEPTH)).rows]

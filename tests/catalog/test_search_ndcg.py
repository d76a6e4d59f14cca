"""The order of hits is as good as it was: nDCG@10 of judged queries on a tenth of Icecat's catalogue."""

import math

import pytest

from catalog.models import Product
from commerce.db.scope import tenant_scope
from tests.catalog.ndcg import data, measuring, ndcg, read_judgements
from tests.factories.tenants import open_shop

LEAST = 0.75


def test_the_gain_of_the_best_order_is_one_and_falls_with_the_place():
    judged = {"a": 3, "b": 2, "c": 1}
    assert ndcg(["a", "b", "c"], judged) == 1
    assert ndcg(["x", "y"], judged) == 0
    best = 7 + 3 / math.log2(3) + 1 / 2
    assert ndcg(["b", "a"], judged) == pytest.approx((3 + 7 / math.log2(3)) / best)
    assert ndcg([*"0123456789", "a"], judged) == 0, "only the first ten count"


def test_the_judged_queries_are_many_and_of_all_kinds():
    queries = read_judgements()
    assert len(queries) >= 60
    assert all(3 in judged.values() for judged in queries.values())
    assert sum(" " in query for query in queries) > 40
    assert sum(query.isdigit() or query[:2] in ("cb", "CE", "dv", "00") for query in queries) >= 5


@pytest.mark.skipif(not data().exists(), reason="Icecat's catalogue is not here: COMMERCE_ICECAT names its file")
def test_hits_are_in_a_good_order(tmp_path):
    """A tenth of the products, and all that queries with few good answers should find."""
    few = {
        key
        for judged in read_judgements().values()
        if sum(grade == 3 for grade in judged.values()) <= 40
        for key, grade in judged.items()
        if grade == 3
    }
    shop = open_shop()
    measuring.fill(shop.id, tmp_path, only=lambda key: key in few or key.endswith("7"))
    with tenant_scope(shop.id):
        known = set(Product.objects.values_list("external_reference", flat=True))
    found = measuring.measure(shop.id, known=known)
    assert len(found) >= 60
    assert sum(found.values()) / len(found) > LEAST, sorted(found.items(), key=lambda pair: pair[1])[:20]

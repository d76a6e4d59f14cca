"""How good the order of hits is: nDCG@10 over queries judged by hand, on Icecat's open catalogue.

`python -m commerce.stack run -- python -m tests.catalog.ndcg` imports the catalogue into a shop of its own and prints
the figure of every query; docs/search.md has the outcome. The data are no part of the project: COMMERCE_ICECAT names
the file, beside which nothing else is needed.
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
DEPTH = 10

Judgements = Mapping[str, int]


def data() -> Path:
    """Return where the catalogue's file is, or would be."""
    beside = HERE.parents[3] / "shared" / "data" / "icecat" / "products.jsonl.gz"
    return Path(os.environ.get("COMMERCE_ICECAT", beside))


def read_judgements() -> dict[str, dict[str, int]]:
    """Return the grades (1 to 3) of the products that each query should find, by query and product."""
    found: dict[str, dict[str, int]] = {}
    for line in (HERE / "judgements.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            query, grade, ids = line.split("\t")
            found.setdefault(query, {}).update(dict.fromkeys(ids.split(), int(grade)))
    return found


def ndcg(hits: Sequence[str], judged: Judgements) -> float:
    """Return the normalised discounted cumulative gain of the first ten hits: 1 where no order could be better.

    The gain of a grade is 2^grade - 1 (Burges et al. 2005). A product that is not judged gains nothing.
    """
    ideal = _dcg(sorted(judged.values(), reverse=True))
    return _dcg([judged.get(hit, 0) for hit in hits]) / ideal if ideal else 0.0


def _dcg(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:DEPTH]))

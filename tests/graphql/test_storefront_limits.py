"""What storefronts ask for is within the limits that every shop has to begin with."""

import pytest

from commerce.graphql.executor import Executor, Query
from commerce.graphql.limits import Limits
from commerce.schema import schema

PRICE = "gross { amount currency } net { amount currency }"
CARD = f"""
fragment Card on Product {{
  id name slug thumbnail(size: 256) {{ url alt }} category {{ id name slug }}
  en: translation(languageCode: EN) {{ name }} nl: translation(languageCode: NL) {{ name }}
  pricing {{ onSale priceRange {{ start {{ {PRICE} }} stop {{ {PRICE} }} }}
    priceRangeUndiscounted {{ start {{ {PRICE} }} }} }}
}}"""
DETAILS = f"""
fragment Details on Product {{
  ...Card description seoTitle seoDescription metadata {{ key value }} productType {{ id name }}
  collections {{ id name slug }} media {{ url alt type }}
  attributes {{ attribute {{ id name slug }} values {{ id name slug }} }}
  variants {{ id name sku quantityAvailable media {{ url alt }}
    attributes {{ attribute {{ id name slug }} values {{ id name slug }} }}
    pricing {{ price {{ {PRICE} }} priceUndiscounted {{ {PRICE} }} }} }}
}}"""
PAGE = "query Page($slug: String!, $channel: String!) { product(slug: $slug, channel: $channel) { ...Details } }"
LIST = """query List($first: Int!, $after: String, $channel: String!) {
  products(first: $first, after: $after, channel: $channel) {
    totalCount edges { cursor node { ...%s } } pageInfo { hasNextPage endCursor } } }"""
NAMES = "edges { node { id name slug %s } }"
CHILDREN = "children(first: 20) { " + NAMES + " }"
CATEGORIES = "{ categories(first: 20, level: 0) { " + NAMES % (CHILDREN % (CHILDREN % "")) + " } }"


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (LIST % "Card" + CARD, {"first": 24, "channel": "x"}),
        (LIST % "Card" + CARD, {"first": 100, "channel": "x"}),
        (LIST % "Details" + CARD + DETAILS, {"first": 100, "channel": "x"}),
        (PAGE + CARD + DETAILS, {"slug": "x", "channel": "x"}),
        (CATEGORIES, {}),
    ],
)
def test_storefronts_stay_within_the_limits(text, variables):
    assert Executor(schema, Limits()).prepare(Query(text, variables)).operation.kind == "query"

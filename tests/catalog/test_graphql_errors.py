"""Bad input at `/graphql/`: a clear error that names the place, before the catalogue is asked."""

import base64
import json

import pytest

from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import make_channel

CHANNEL = 'channel: "default-channel"'


@pytest.fixture
def refused(graphql, count_sql):
    """Return a function that gives the messages of a refused query, after no statement."""

    def ask(shop, query, **variables):
        graphql(shop, "{ __typename }")
        with count_sql() as statements:
            answer = graphql(shop, query, **variables)
        assert statements == []
        return [error["message"] for error in answer["errors"]]

    return ask


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            "products{edges{node{id}}}",
            "You must provide a `first` or `last` value to properly paginate the `products` connection.",
        ),
        (
            "products(first: 0){edges{node{id}}}",
            "Argument `first` of the `products` connection must be at least 1, not 0.",
        ),
        (
            "products(last: -1){edges{node{id}}}",
            "Argument `last` of the `products` connection must be at least 1, not -1.",
        ),
        (
            "products(first: 101){edges{node{id}}}",
            "Requesting 101 records on the `products` connection exceeds the `first` limit of 100 records.",
        ),
        (
            "categories(first: 101){edges{node{id}}}",
            "Requesting 101 records on the `categories` connection exceeds the `first` limit of 100 records.",
        ),
        ('products(first: 1, after: "nonsense"){edges{node{id}}}', "Received cursor is invalid."),
        (
            "products(first: 1, filter: {}, where: {}){edges{node{id}}}",
            "Only one filtering argument (filter or where) can be specified.",
        ),
        (
            "products(first: 1, sortBy: {field: RANK, direction: ASC}){edges{node{id}}}",
            "Sorting by RANK is available only when using a search filter or search argument.",
        ),
        (
            "products(first: 1, sortBy: {field: COLLECTION, direction: ASC}){edges{node{id}}}",
            "Sorting by COLLECTION is available only when filtering by exactly one collection.",
        ),
        (
            'products(first: 1, sortBy: {attributeId: "QXR0cmlidXRlOjE=", direction: ASC}){edges{node{id}}}',
            "Invalid ID: QXR0cmlidXRlOjE=. Expected: Attribute.",
        ),
        (
            'products(first: 1, sortBy: {attributeId: "x", field: NAME, direction: ASC}){edges{node{id}}}',
            "You must provide either `field` or `attributeId` to sort the products.",
        ),
        ('products(first: 1, filter: {ids: ["x"]}){edges{node{id}}}', "Invalid ID: x. Expected: Product."),
        (
            'products(first: 1, filter: {categories: ["UHJvZHVjdDox"]}){edges{node{id}}}',
            "Invalid ID: UHJvZHVjdDox. Expected: Category.",
        ),
        (
            'products(first: 1, where: {collection: {eq: "x"}}){edges{node{id}}}',
            "Invalid ID: x. Expected: Collection.",
        ),
        (
            'products(first: 1, filter: {stocks: {warehouseIds: ["x"]}}){edges{node{id}}}',
            "Invalid ID: x. Expected: Warehouse.",
        ),
        (
            'products(first: 1, where: {slug: {eq: "a", oneOf: ["b"]}}){edges{node{id}}}',
            "Only one of eq, oneOf and range can be given: `slug`.",
        ),
        (
            "products(first: 1, where: {price: {eq: 1, range: {gte: 1}}}){edges{node{id}}}",
            "Only one of eq, oneOf and range can be given: `price`.",
        ),
        (
            'products(first: 1, filter: {attributes: [{values: ["x"]}]}){edges{node{id}}}',
            "`attributes.slug` is required: name the attribute by its slug.",
        ),
        (
            'products(first: 1, filter: {attributes: [{slug: "a", values: ["x"], boolean: true}]}){edges{node{id}}}',
            "Only one way of saying which values can be given for the attribute 'a'.",
        ),
        (
            'products(first: 1, filter: {attributes: [{slug: "a", value: {}}]}){edges{node{id}}}',
            "Exactly one way of saying which value must be given for the attribute 'a'.",
        ),
        (
            "attributes(first: 1, filter: {}, where: {}){totalCount}",
            "Only one filtering argument (filter or where) can be specified.",
        ),
        (
            "pages(first: 1, filter: {}, where: {}){totalCount}",
            "Only one filtering argument (filter or where) can be specified.",
        ),
        (
            "pages{edges{node{id}}}",
            "You must provide a `first` or `last` value to properly paginate the `pages` connection.",
        ),
        ('pages(where: {ids: ["UHJvZHVjdDox"]}){totalCount}', "Invalid ID: UHJvZHVjdDox. Expected: Page."),
        ("page{id}", "At least one of arguments is required: 'id', 'slug'."),
        ("menu{id}", "At least one of arguments is required: 'id', 'name', 'slug'."),
        ('menu(slug: "a", name: "b"){id}', "Argument 'name' cannot be combined with 'slug'."),
        ('menuItem(id: "UHJvZHVjdDox"){id}', "Invalid ID: UHJvZHVjdDox. Expected: MenuItem."),
        (
            'attributes(filter: {inCategory: "UHJvZHVjdDox"}){totalCount}',
            "Invalid ID: UHJvZHVjdDox. Expected: Category.",
        ),
        (
            "warehouses{totalCount}",
            "To access this path, you need one of the following permissions: "
            "MANAGE_PRODUCTS, MANAGE_ORDERS, MANAGE_SHIPPING",
        ),
        ("product{id}", "At least one of arguments is required: 'id', 'slug', 'externalReference'."),
        ('product(id: "UHJvZHVjdDox", slug: "x"){id}', "Argument 'id' cannot be combined with 'slug'."),
        ('product(id: "UHJvZHVjdDox"){id}', "Invalid ID: UHJvZHVjdDox. Expected: Product."),
        ("productVariant{id}", "At least one of arguments is required: 'id', 'sku', 'externalReference'."),
        ("category{id}", "At least one of arguments is required: 'id', 'slug', 'externalReference'."),
        ("collection{id}", "At least one of arguments is required: 'id', 'slug', 'externalReference'."),
        ('categories(first: 1, filter: {ids: ["x"]}){edges{node{id}}}', "Invalid ID: x. Expected: Category."),
        ('collections(first: 1, filter: {ids: ["x"]}){edges{node{id}}}', "Invalid ID: x. Expected: Collection."),
    ],
)
def test_refused_before_the_catalogue_is_asked(refused, tenant, field, message):
    assert refused(tenant, "{" + field + "}") == [message]


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("products(first: 1){edges{node{nme}}}", "Cannot query field 'nme' on type 'Product'."),
        ("product(slag: 1){id}", "Unknown argument 'slag' on field 'Query.product'."),
        (
            "products(first: 1, sortBy: {field: SMELL, direction: ASC}){totalCount}",
            "Value 'SMELL' does not exist in 'ProductOrderField' enum.",
        ),
        ("products(first: 1, sortBy: {field: NAME}){totalCount}", "'ProductOrder.direction' of required type"),
        (
            "products(first: 1, filter: {colour: 1}){totalCount}",
            "Field 'colour' is not defined by type 'ProductFilterInput'.",
        ),
        ('products(first: "x"){totalCount}', "Int cannot represent non-integer value"),
    ],
)
def test_documents_that_do_not_fit_the_schema_are_refused_with_400(client_for, tenant, field, part):
    answer = client_for(tenant).post("/graphql/", {"query": "{" + field + "}"}, content_type="application/json")
    assert answer.status_code == 400
    assert "data" not in answer.json()
    assert any(part in error["message"] for error in answer.json()["errors"])


def test_cursor_of_another_order_is_refused(graphql, refused, tenant):
    with tenant_scope(tenant.id):
        make.make_product("P")
    query = """query($after: String, $field: ProductOrderField) {
      products(first: 1, after: $after, channel: "default-channel", sortBy: {field: $field, direction: ASC}) {
        pageInfo { endCursor } edges { node { id } } } }"""
    cursor = graphql(tenant, query, field="NAME")["data"]["products"]["pageInfo"]["endCursor"]
    assert refused(tenant, query, field="PRICE", after=cursor) == ["Received cursor is invalid."]


@pytest.mark.parametrize("field", ["NAME", "PRICE", "DATE", "TYPE", "RATING", "CREATED_AT", "PUBLISHED"])
@pytest.mark.parametrize("parts", [[], ["x"], [1, 2], [None, None], ["zz", "no uuid"], [10**30, "x"], [{}, []]])
def test_made_up_cursor_is_refused(graphql, tenant, field, parts):
    with tenant_scope(tenant.id):
        make.make_product("P")
    query = """query($after: String, $field: ProductOrderField) {
      products(first: 1, after: $after, channel: "default-channel", sortBy: {field: $field, direction: ASC}) {
        pageInfo { endCursor } edges { node { id } } } }"""
    cursor = graphql(tenant, query, field=field)["data"]["products"]["pageInfo"]["endCursor"]
    ordering = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    made_up = base64.urlsafe_b64encode(json.dumps([ordering, *parts]).encode()).decode()
    answer = graphql(tenant, query, field=field, after=made_up)
    if (field, parts) in (("PUBLISHED", ["x"]), ("TYPE", ["zz", "no uuid"])):  # texts, which may be any
        assert answer["data"]["products"]["edges"] == []
        return
    assert [error["message"] for error in answer["errors"]] == ["Received cursor is invalid."]


def test_channel_must_be_named_where_the_choice_is_not_clear(graphql, tenant):
    with tenant_scope(tenant.id):
        make.make_product("P", slug="p")
        second = make_channel(slug="second")
    for field in ('product(slug: "p"){name}', "products(first: 1){edges{node{name}}}", 'collection(slug: "x"){name}'):
        (error,) = graphql(tenant, "{" + field + "}")["errors"]
        assert error["message"] == "More than one channel exists. Specify which channel to use."
    with tenant_scope(tenant.id):
        second.is_active = False
        second.save(update_fields=["is_active"])
    assert graphql(tenant, '{product(slug: "p"){name}}') == {"data": {"product": {"name": "P"}}}
    with tenant_scope(tenant.id):
        first = make.the_channel()
        first.is_active = False
        first.save(update_fields=["is_active"])
    (error,) = graphql(tenant, '{product(slug: "p"){name}}')["errors"]
    assert error["message"] == "A default channel does not exist."
    inactive = graphql(tenant, '{product(slug: "p", ' + CHANNEL + "){name}}")
    assert inactive == {"data": {"product": None}}


def test_unknown_channel_is_empty(graphql, tenant):
    with tenant_scope(tenant.id):
        make.make_product("P", slug="p", category=make.make_category("C", slug="c"))
    answer = graphql(
        tenant,
        """{product(slug: "p", channel: "none"){id} productVariant(sku: "x", channel: "none"){id}
        collection(slug: "x", channel: "none"){id}
        products(first: 1, channel: "none"){totalCount pageInfo{hasNextPage endCursor} edges{node{id}}}
        category(slug: "c"){products(first: 1, channel: "none"){totalCount edges{node{id}}}}}""",
    )
    assert answer == {
        "data": {
            "product": None,
            "productVariant": None,
            "collection": None,
            "products": {"totalCount": 0, "pageInfo": {"hasNextPage": False, "endCursor": None}, "edges": []},
            "category": {"products": {"totalCount": 0, "edges": []}},
        }
    }


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"price": {"gte": 1e30}}, 0),
        ({"price": {"lte": 1e30}}, 1),
        ({"minimalPrice": {"gte": -1e30, "lte": 1e300}}, 1),
        ({"price": {"gte": 5, "lte": 1}}, 0),
        ({"attributes": [{"slug": "x", "valuesRange": {"gte": 2147483647}}]}, 0),
        ({"search": "'; DROP TABLE catalog_product; --"}, 0),
        ({"search": "%" * 200}, 0),
        ({"search": "\\"}, 0),
        ({"search": "   "}, 1),
        ({"slugs": ["x" * 1000]}, 0),
        ({"stocks": {"quantity": {"gte": 2147483647}}}, 0),
        ({"updatedAt": {"gte": "0001-01-01T00:00:00Z", "lte": "9999-12-31T23:59:59Z"}}, 1),
    ],
)
def test_extreme_values_are_answered(graphql, tenant, wanted, found):
    with tenant_scope(tenant.id):
        make.make_product("P")
    query = 'query($filter: ProductFilterInput){products(channel: "default-channel", filter: $filter){totalCount}}'
    assert graphql(tenant, query, filter=wanted) == {"data": {"products": {"totalCount": found}}}


def test_id_of_another_kind_is_told_apart(graphql, tenant):
    with tenant_scope(tenant.id):
        category = make.make_category()
    wrong = to_global_id("Category", category.id)
    (error,) = graphql(tenant, "query($id: ID){product(id: $id){id}}", id=wrong)["errors"]
    assert error["message"] == f"Invalid ID: {wrong}. Expected: Product."
    assert error["path"] == ["product"]
    assert error["extensions"]["exception"]["code"] == "GraphQLError"

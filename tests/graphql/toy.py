"""A small shop, declared as an app declares its types; every batch call is noted in the context."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import graphene
import orjson
from django.test import RequestFactory

from commerce.errors import DomainError
from commerce.graphql.batch import batch, column, root
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.context import Context
from commerce.graphql.enums import CountryCode, LanguageCodeEnum, OrderDirection
from commerce.graphql.errors import PermissionDenied
from commerce.graphql.executor import Executor, Query
from commerce.graphql.ids import from_global_id, to_global_id
from commerce.graphql.limits import Limits
from commerce.graphql.money import TaxedMoneyRangeType
from commerce.graphql.paging import Page
from commerce.graphql.scalars import (
    JSON,
    UUID,
    Date,
    DateTime,
    Day,
    Decimal,
    GenericScalar,
    JSONString,
    Metadata,
    Minute,
    PositiveDecimal,
    Upload,
    WeightScalar,
)
from commerce.graphql.schema import build_schema
from commerce.money import Money, TaxedMoney, TaxedMoneyRange


@dataclass(slots=True, eq=False)
class CategoryRow:
    key: int
    name: str


class AttributeRow(NamedTuple):
    name: str


@dataclass(slots=True, eq=False)
class ProductRow:
    key: int
    title: str
    category: CategoryRow
    prices: TaxedMoneyRange
    variants: "list[VariantRow]"


@dataclass(slots=True, eq=False)
class VariantRow:
    sku: str
    product: ProductRow


@dataclass(slots=True, eq=False)
class PageRow:
    name: str


@dataclass(slots=True, kw_only=True)
class ToyContext(Context):
    noted: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)

    def note(self, place: str, rows: Any, **arguments: Any) -> None:
        self.noted.append((place, len(rows), arguments))

    @property
    def count(self) -> Counter[str]:
        return Counter(place for place, _, _ in self.noted)


def price(minor: int) -> TaxedMoney:
    return TaxedMoney(net=Money(minor, "EUR"), gross=Money(minor * 121 // 100, "EUR"))


def make_products() -> list[ProductRow]:
    """Three products, the first two of one category; product n has n - 1 variants."""
    shoes, hats = CategoryRow(1, "Shoes"), CategoryRow(2, "Hats")
    products = []
    for key, category in ((1, shoes), (2, shoes), (3, hats)):
        row = ProductRow(key, f"Product {key}", category, TaxedMoneyRange(price(1000), price(2050)), [])
        row.variants += [VariantRow(f"{key}-{number}", row) for number in range(1, key)]
        products.append(row)
    return products


class Named(graphene.Interface):
    name = graphene.String()
    related = graphene.List(lambda: Named)


class Category(graphene.ObjectType):
    class Meta:
        possible_types = (CategoryRow,)

    id = graphene.ID()
    name = graphene.String()
    products = connection_field(lambda: Product, direction=OrderDirection())

    @batch
    def resolve_id(rows, info):
        return [to_global_id("Category", row.key) for row in rows]

    @paged("direction")
    def resolve_products(rows, info, page, direction=None):
        info.context.note("Category.products", rows, page=page)
        by_category = {key: [p for p in make_products() if p.category.key == key] for key in (1, 2)}
        return [Page.slice(by_category[row.key], page, lambda product: (product.key,)) for row in rows]


class Attribute(graphene.ObjectType):
    name = graphene.String()
    upper = graphene.String()

    @batch
    def resolve_upper(rows, info):
        info.context.note("Attribute.upper", rows)
        return [row.name.upper() for row in rows]


class Variant(graphene.ObjectType):
    class Meta:
        possible_types = (VariantRow,)

    sku = graphene.String(required=True)
    product = graphene.Field(lambda: Product)
    attributes = graphene.List(graphene.NonNull(Attribute), required=True)

    @batch
    def resolve_attributes(rows, info):
        info.context.note("Variant.attributes", rows)
        return [[AttributeRow("size"), AttributeRow("colour")] for _ in rows]


class Product(graphene.ObjectType):
    class Meta:
        possible_types = (ProductRow,)
        interfaces = (Named,)

    id = graphene.ID(required=True)
    price_range = graphene.Field(TaxedMoneyRangeType)
    category = graphene.Field(Category)
    fresh_category = graphene.Field(Category)
    variants = graphene.List(Variant, required=True)
    label = graphene.String(prefix=graphene.String(default_value=""))
    broken = graphene.String()
    flaky = graphene.String()
    refused = graphene.String()
    strict = graphene.String(required=True)
    short = graphene.String()
    lazy = graphene.List(Variant)
    matrix = graphene.List(graphene.List(Attribute))

    resolve_name = column("title")
    resolve_price_range = column("prices")

    @batch
    def resolve_related(rows, info):
        info.context.note("Product.related", rows)
        return [[PageRow(f"About {row.title}"), *make_products()[:1]] for row in rows]

    @batch
    def resolve_id(rows, info):
        info.context.note("Product.id", rows)
        return [to_global_id("Product", row.key) for row in rows]

    @batch
    def resolve_fresh_category(rows, info):
        info.context.note("Product.freshCategory", rows)
        return [row.category for row in rows]

    @batch
    def resolve_label(rows, info, prefix):
        info.context.note("Product.label", rows, prefix=prefix)
        return [prefix + row.title for row in rows]

    @batch
    def resolve_broken(rows, info):
        info.context.note("Product.broken", rows)
        raise RuntimeError("a secret of the database")

    @batch
    def resolve_flaky(rows, info):
        info.context.note("Product.flaky", rows)
        return [DomainError("Out of luck.", code="LUCK") if row.key == 2 else "fine" for row in rows]

    @batch
    def resolve_refused(rows, info):
        raise PermissionDenied(["MANAGE_PRODUCTS", "MANAGE_ORDERS"])

    @batch
    def resolve_strict(rows, info):
        return [None if row.key == 2 else "there" for row in rows]

    @batch
    def resolve_short(rows, info):
        return ["too few"]

    @batch
    def resolve_lazy(rows, info):
        return [(variant for variant in row.variants) for row in rows]

    @batch
    def resolve_matrix(rows, info):
        return [[[AttributeRow("a"), None], None, [AttributeRow("b")]] for _ in rows]


class StaticPage(graphene.ObjectType):
    class Meta:
        possible_types = (PageRow,)
        interfaces = (Named,)

    body = graphene.String()

    @batch
    def resolve_body(rows, info):
        info.context.note("StaticPage.body", rows)
        return [f"<p>{row.name}" for row in rows]

    @batch
    def resolve_related(rows, info):
        info.context.note("StaticPage.related", rows)
        return [[] for _ in rows]


class Hit(graphene.Union):
    class Meta:
        types = (Product, StaticPage)


class ScalarInput(graphene.InputObjectType):
    date = Date()
    date_time = DateTime()
    day = Day()
    decimal = Decimal()
    generic = GenericScalar()
    json = JSON()
    json_string = JSONString()
    metadata = Metadata()
    minute = Minute()
    positive = PositiveDecimal()
    uuid = UUID()
    weight = WeightScalar()
    file = Upload()
    language = LanguageCodeEnum()
    country = CountryCode()


class QueryType(graphene.ObjectType):
    class Meta:
        name = "Query"

    products = graphene.List(graphene.NonNull(Product), limit=graphene.Int())
    listing = connection_field(Product, direction=OrderDirection())
    product = graphene.Field(Product, id=graphene.ID(required=True))
    search = graphene.List(Hit)
    named = graphene.List(Named)
    grid = graphene.List(graphene.List(Product))
    echo = graphene.String(input=ScalarInput(required=True))
    word = graphene.String(text=graphene.String())
    scalars = graphene.Field(lambda: Scalars)
    sums = graphene.Int(required=True)

    @batch
    def resolve_products(rows, info, limit=3):
        info.context.note("Query.products", rows)
        return [make_products()[:limit]]

    @paged("direction")
    def resolve_listing(rows, info, page, direction=None):
        info.context.note("Query.listing", rows, page=page, direction=direction)
        return [Page.slice(make_products(), page, lambda product: (product.title, product.key))]

    @root
    def resolve_product(info, id):
        key = from_global_id(id, "Product", int)
        return next((row for row in make_products() if row.key == key), None)

    @root
    def resolve_search(info):
        return [*make_products(), PageRow("About"), PageRow("Terms")]

    @root
    def resolve_named(info):
        return [PageRow("About"), *make_products()]

    @root
    def resolve_grid(info):
        one, two, three = make_products()
        return [[one, two], None, [two, None, three], []]

    @root
    def resolve_echo(info, input):
        return repr(dict(input))

    @root
    def resolve_word(info, text=None):
        return text

    @root
    def resolve_scalars(info):
        return ScalarRow()

    @root
    def resolve_sums(info):
        raise ZeroDivisionError


class ScalarRow:
    date_time: Any
    decimal: Any
    whole: Any
    json_string: Any
    json: Any
    language: Any
    country: Any


class Scalars(graphene.ObjectType):
    date_time = DateTime()
    decimal = Decimal()
    whole = Decimal()
    json_string = JSONString()
    json = JSON()
    language = LanguageCodeEnum()
    country = CountryCode()


class PayloadRow(NamedTuple):
    name: str


class Payload(graphene.ObjectType):
    name = graphene.String()
    fails = graphene.String()

    @batch
    def resolve_fails(rows, info):
        raise RuntimeError("after the fact")


class Rename(graphene.Mutation):
    class Arguments:
        name = graphene.String(required=True)

    Output = Payload

    @root
    def mutate(info, name):
        info.context.note("Mutation.rename", [None], name=name, memo=dict(info.context.memo))
        info.context.once("read", lambda: name)
        if name == "taken":
            raise DomainError("The name is taken.", code="UNIQUE", field="name")
        if name == "bug":
            raise RuntimeError("a bug")
        if name == "discard":
            info.context.discard()
        return PayloadRow(name)


class MutationType(graphene.ObjectType):
    class Meta:
        name = "Mutation"

    rename = Rename.Field()
    must_rename = graphene.Field(graphene.NonNull(Payload))

    @root
    def resolve_must_rename(info):
        raise DomainError("Not now.")


schema = build_schema(QueryType, MutationType)


class Scopes:
    """Notes each scope's opening and end in `log`."""

    def __init__(self, fail_at_end: bool = False) -> None:
        self.log: list[str] = []
        self.fail_at_end = fail_at_end

    @contextmanager
    def __call__(self, operation):
        self.log.append(f"open {operation.kind}")
        try:
            yield
        except Exception:
            self.log.append("roll back")
            raise
        self.log.append("commit")
        if self.fail_at_end:
            raise RuntimeError("the commit failed")


@dataclass
class Outcome:
    status: int
    body: dict[str, Any]
    context: ToyContext
    scopes: Scopes

    @property
    def data(self):
        assert "errors" not in self.body, self.body
        return self.body["data"]

    @property
    def errors(self):
        return self.body["errors"]

    @property
    def messages(self):
        return [error["message"] for error in self.errors]


def run(text, variables=None, operation_name=None, *, scopes=None, limits=None, executor=None) -> Outcome:
    context = ToyContext(request=RequestFactory().post("/graphql/"))
    scopes = scopes or Scopes()
    executor = executor or Executor(schema, limits or Limits())
    answer = executor.execute(Query(text, variables or {}, operation_name), context, scopes)
    return Outcome(answer.status, orjson.loads(answer.body), context, scopes)

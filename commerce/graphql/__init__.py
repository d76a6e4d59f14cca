"""The GraphQL kit: batch resolvers, connections, scalars, errors and the door `/graphql/`. It knows no app.

A type is declared with graphene; what is not a plain attribute of its rows has a batch resolver, which
takes all rows of a level at once and returns their values in the same order:

    @dataclass(slots=True, eq=False)                    # rows: any objects with attributes; identity counts
    class ProductRow:                                   # a NamedTuple and money.Money are rows as well
        key: UUID
        name: str
        category_key: UUID
        price: Money                                    # commerce.money; a row in a row needs no resolver

    class Product(graphene.ObjectType):
        class Meta:
            possible_types = (ProductRow,)              # for interfaces and unions; checks the attributes too

        id = graphene.ID(required=True)
        name = graphene.String(required=True)           # the attribute `name`
        slug = graphene.String(required=True)
        price = graphene.Field(MoneyType)               # commerce.graphql.money
        category = graphene.Field(lambda: Category)

        resolve_slug = column("url_name")               # another attribute

        @batch
        def resolve_id(rows: Sequence[ProductRow], info: Info[Context]) -> list[str]:
            return [to_global_id("Product", row.key) for row in rows]

        @batch
        def resolve_category(rows: Sequence[ProductRow], info: Info[Context]) -> list[CategoryRow | None]:
            found = queries.categories_by_key({row.category_key for row in rows})
            return [found.get(row.category_key) for row in rows]

An exception that is raised is the error of every row, an exception instead of a value that of one row. A
DomainError or GraphQLError is shown, `errors.PermissionDenied([...])` in the dialect's words; all else is masked.
Arguments arrive as keywords in snake_case, and are missing where the client gave none and there is no
default. `info.selects("pricing", "priceRange")` tells what is selected below the field.

A connection's resolver gets a PageRequest and returns a Page for each parent, at the root for the one root:

    class Category(graphene.ObjectType):
        products = connection_field(lambda: Product, channel=graphene.String(), sort_by=ProductOrder())

        @paged("sort_by")                               # the arguments that decide the order
        def resolve_products(rows, info, page, channel=None, sort_by=None) -> list[Page[ProductRow]]:
            return queries.products_by_category([row.key for row in rows], page)

    def products_by_category(keys, page):               # in queries.py; commerce.graphql.paging is pure
        start = page.position(str, UUID)                # None, or the place (exclusive) to go on from
        ...                                             # page.backwards: query in the reversed order
        ...                                             # LIMIT page.limit + 1; none at all where limit is 0
        place = lambda row: (row.name, row.key)
        return [Page.of(found[key], page, place, total=counts.get(key)) for key in keys]

`counts` is queried only if `page.with_total`. A short list that is in memory anyway: `Page.slice(rows, page,
position)`. The other fields of Query, and those of Mutation, have `@root`, which sees no rows:

    class Query(graphene.ObjectType):
        product = graphene.Field(Product, id=graphene.ID(required=True))

        @root
        def resolve_product(info: Info[Context], id: str) -> ProductRow | None:
            return queries.product(from_global_id(id, "Product"))

The roof puts it together (commerce/schema.py and commerce/urls.py):

    schema = build_schema(Query, Mutation, Subscription, types=[...])
    path("graphql/", GraphQLView.as_view(schema=schema, open_scope=open_scope, make_context=make_context))

`open_scope(request, operation)` is a context manager: entered once around a query and its rendering, and once
around each field of a mutation; what it raises at its end is that field's error. `make_context(request)`
returns a Context (or a subclass with more in it), outside any scope; what the resolvers need
from the database is read inside the scope by `context.once(key, make)`.

A subscription is the query of a webhook, and does not run at the door: `commerce.graphql.subscriptions` checks it, and
runs it for many events at once. Their rows are the root's, so that the fields of Subscription have `@batch`.

A mutation whose resolver raises is rolled back; one that reports its failure in its payload calls
`info.context.discard()` to the same end. tests/graphql/toy.py is a whole example.
"""

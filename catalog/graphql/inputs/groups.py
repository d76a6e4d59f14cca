"""What lists of categories and collections are narrowed and ordered by."""

import graphene

from catalog.graphql.inputs.values import DateTimeRangeInput, MetadataFilter, many, sorting


class CategoryFilterInput(graphene.InputObjectType):
    """What a list of categories is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    metadata = many(MetadataFilter)
    ids = many(graphene.ID)
    slugs = many(graphene.String)
    updated_at = graphene.InputField(DateTimeRangeInput)


class CategoryWhereInput(graphene.InputObjectType):
    """What a list of categories is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = many(MetadataFilter)
    ids = many(graphene.ID)
    AND = many(lambda: CategoryWhereInput)
    OR = many(lambda: CategoryWhereInput)


class CollectionPublished(graphene.Enum):
    """Whether shoppers see a collection."""

    PUBLISHED = "PUBLISHED"
    HIDDEN = "HIDDEN"


class CollectionFilterInput(graphene.InputObjectType):
    """What a list of collections is narrowed by; an empty list does not narrow."""

    published = graphene.InputField(CollectionPublished)
    search = graphene.String()
    metadata = many(MetadataFilter)
    ids = many(graphene.ID)
    slugs = many(graphene.String)
    channel = graphene.String()


class CollectionWhereInput(graphene.InputObjectType):
    """What a list of collections is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = many(MetadataFilter)
    ids = many(graphene.ID)
    AND = many(lambda: CollectionWhereInput)
    OR = many(lambda: CollectionWhereInput)


CategorySortingInput = sorting("Category", "categories", "NAME PRODUCT_COUNT SUBCATEGORY_COUNT", in_channel=True)
CollectionSortingInput = sorting(
    "Collection", "collections", "NAME AVAILABILITY PRODUCT_COUNT PUBLICATION_DATE PUBLISHED_AT", in_channel=True
)

"""Arguments that name one object of the catalogue, and the channel that it is looked at in."""

from typing import Any

import graphene

from commerce.graphql.enums import LanguageCodeEnum
from commerce.graphql.ids import from_global_id
from tenants.graphql.arguments import exactly_one


def one_of(**others: Any) -> dict[str, Any]:
    """Return the arguments that name one object."""
    return {
        "id": graphene.ID(description="Its id."),
        "external_reference": graphene.String(description="Its id in another system of the merchant."),
        **others,
    }


def by_slug(*, external: bool = True, **others: Any) -> dict[str, Any]:
    """Return the arguments that name an object that has an address of its own."""
    arguments = one_of(
        slug=graphene.String(description="Its slug."),
        slug_language_code=LanguageCodeEnum(description="The language of the slug; its own slug if not given."),
        **others,
    )
    if not external:
        del arguments["external_reference"]
    return arguments


def channel_argument() -> graphene.String:
    """Return the argument `channel`."""
    return graphene.String(
        description="The slug of the channel. If not given: the only active one; for who manages products, none at all."
    )


def key_of(kind: str, **arguments: Any) -> tuple[str, Any]:
    """Return by which argument an object is named, and the key: a UUID for an id."""
    by, value = exactly_one(**arguments)
    return by, from_global_id(value, kind) if by == "id" else value

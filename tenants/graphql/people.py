"""People and the groups that say what they may do."""

from collections.abc import Sequence

import graphene

from commerce.graphql.batch import batch
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from tenants.graphql.apps import Permission, PermissionRow, permission_row
from tenants.graphql.context import ShopContext
from tenants.queries import GroupRow, UserRow

# Who may know more of a person than the id.
_KEEPERS = ("MANAGE_STAFF", "MANAGE_USERS")


class User(graphene.ObjectType):
    """A person: a customer or a member of the staff. More than the id needs MANAGE_STAFF or MANAGE_USERS."""

    class Meta:
        possible_types = (UserRow,)

    id = graphene.ID(required=True, description="The id.")
    email = graphene.String(required=True, description="The e-mail address.")
    first_name = graphene.String(required=True, description="The first name.")
    last_name = graphene.String(required=True, description="The last name.")
    is_staff = graphene.Boolean(required=True, description="Whether it is a member of the staff.")
    is_active = graphene.Boolean(required=True, description="Whether it may sign in.")

    @batch
    def resolve_id(rows: Sequence[UserRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("User", row.id) for row in rows]

    @batch
    def resolve_email(rows: Sequence[UserRow], info: Info[ShopContext]) -> list[str]:
        info.context.require(*_KEEPERS)
        return [row.email for row in rows]

    @batch
    def resolve_first_name(rows: Sequence[UserRow], info: Info[ShopContext]) -> list[str]:
        info.context.require(*_KEEPERS)
        return [row.first_name for row in rows]

    @batch
    def resolve_last_name(rows: Sequence[UserRow], info: Info[ShopContext]) -> list[str]:
        info.context.require(*_KEEPERS)
        return [row.last_name for row in rows]

    @batch
    def resolve_is_staff(rows: Sequence[UserRow], info: Info[ShopContext]) -> list[bool]:
        info.context.require(*_KEEPERS)
        return [row.is_staff for row in rows]

    @batch
    def resolve_is_active(rows: Sequence[UserRow], info: Info[ShopContext]) -> list[bool]:
        info.context.require(*_KEEPERS)
        return [row.is_active for row in rows]


class Group(graphene.ObjectType):
    """A set of permissions that members of the staff have."""

    class Meta:
        possible_types = (GroupRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name.")
    permissions = graphene.List(graphene.NonNull(Permission), description="What its members may do.")

    @batch
    def resolve_id(rows: Sequence[GroupRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Group", row.id) for row in rows]

    @batch
    def resolve_permissions(rows: Sequence[GroupRow], info: Info[ShopContext]) -> list[list[PermissionRow]]:
        return [[permission_row(code) for code in row.permissions] for row in rows]

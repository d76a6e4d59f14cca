"""Sign-in of people within the scope's tenant, and what they may do."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from tenants import queries
from tenants.models import User
from tenants.permissions import admin_permissions


class TenantBackend(BaseBackend):
    """Authenticate a person of the tenant in scope; permissions come from their groups."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        email = username or kwargs.get("email")
        if not email or password is None:
            return None
        user = queries.find_user(email)
        if user is None:
            User().set_password(password)  # the same work as for a known address: timing tells nothing
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: Any) -> User | None:
        return queries.get_active_user(user_id)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or obj is not None:
            return set()
        if not hasattr(user_obj, "_permission_names"):
            user_obj._permission_names = admin_permissions(queries.list_permission_codes(user_obj.id))
        return set(user_obj._permission_names)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions(user_obj))

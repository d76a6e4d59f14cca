"""What every write of this app asks of its values."""

from django.core.exceptions import ValidationError
from django.db import models

from commerce.db.scope import current_scope
from commerce.errors import DomainError


def check_fields(instance: models.Model) -> None:
    """Raise DomainError for the first field whose value is no slug, no address, too long or missing."""
    try:
        instance.clean_fields(exclude={"tenant_id", "password"})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise DomainError(f"{getattr(instance, field)!r}: {' '.join(messages)}", field=field) from error


def scope_alias() -> str:
    """Return the connection of the open scope."""
    scope = current_scope()
    return scope.alias if scope is not None else "default"

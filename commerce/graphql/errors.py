"""Errors as the dialect shows them: `{message, locations, path, extensions: {exception: {code}}}`."""

import logging
from collections.abc import Iterable, Sequence
from traceback import format_exception
from typing import Any

from django.conf import settings
from django.core import exceptions
from graphql import GraphQLError

from commerce.errors import DomainError

logger = logging.getLogger(__name__)
INTERNAL = "Internal Server Error"


class PermissionDenied(GraphQLError):
    """The caller may not see this field or run this mutation; it names the permissions that would do."""

    def __init__(self, permissions: Iterable[str] = ()) -> None:
        names = ", ".join(permissions)
        super().__init__(
            f"To access this path, you need one of the following permissions: {names}"
            if names
            else "You do not have permission to perform this action"
        )


class Repeated(GraphQLError):
    """An error of an answer that is given again: it is shown as it was."""

    def __init__(self, shown: dict[str, Any]) -> None:
        super().__init__(shown["message"])
        self.shown = shown


class TooManyRequests(GraphQLError):
    """The caller has used up what it, or its tenant, may ask."""


class LimitExceeded(GraphQLError):
    """A document asks for more than its tenant allows, or an operation takes longer."""


def format_errors(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """Return the errors as clients see them.

    Shown are GraphQLErrors, with the name of their class as code, and DomainErrors, whose own code and field
    come beside it. Anything else is a bug: it is logged once, and shown as "Internal Server Error".
    """
    _log({id(error.original_error): error for error in errors if _is_bug(_cause(error))}.values())
    return [format_error(error) for error in errors]


def format_error(error: GraphQLError) -> dict[str, Any]:
    """Return one error as clients see it."""
    if isinstance(error, Repeated):
        return error.shown
    cause = _cause(error)
    shown: dict[str, Any] = {"message": INTERNAL if _is_bug(cause) else error.message}
    if error.locations:
        shown["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    return {**shown, "extensions": {**(error.extensions or {}), **_extensions(cause)}}


def transport_error(message: str) -> dict[str, Any]:
    """Return the payload of a request that cannot be executed."""
    return {"errors": [format_error(GraphQLError(message))]}


def _cause(error: GraphQLError) -> Exception:
    """Return the exception that a resolver raised; graphql-core wraps it once or more."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _is_bug(cause: Exception) -> bool:
    return not isinstance(cause, GraphQLError | DomainError | exceptions.PermissionDenied)


def _extensions(cause: Exception) -> dict[str, Any]:
    if _is_bug(cause):
        exception: dict[str, Any] = {"code": "InternalServerError"}
        if settings.DEBUG:
            exception["stacktrace"] = "".join(format_exception(cause)).splitlines()
        return {"exception": exception}
    if isinstance(cause, DomainError):
        return {"exception": {"code": "GraphQLError"}, "code": cause.code, "field": cause.field}
    return {"exception": {"code": type(cause).__name__}}


def _log(errors: Iterable[GraphQLError]) -> None:
    for error in errors:
        place: Sequence[str | int] = error.path or ()
        logger.error("A resolver failed at %s", ".".join(map(str, place)), exc_info=_cause(error))

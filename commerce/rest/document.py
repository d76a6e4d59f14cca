"""The OpenAPI 3.1 document of all addresses below /api/v1/, and a page that shows it; both need no key."""

from functools import cache
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.utils.html import format_html
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from commerce.rest.problems import Problem

PREFIX = "/api/v1/"
SCHEMA = f"{PREFIX}schema/"
_SIDECAR = "drf_spectacular_sidecar/swagger-ui-dist"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>REST API</title>
<link rel="stylesheet" href="{style}">
<link rel="icon" href="data:,">
</head>
<body>
<div id="document" data-address="{address}"></div>
<script src="{bundle}"></script>
<script src="{start}"></script>
</body>
</html>
"""


@cache
def document() -> dict[str, Any]:
    """Return the document; it is the same for every shop."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


@cache
def _document_bytes() -> bytes:
    return orjson.dumps(document())


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Answer with the document."""
    headers = {"Cache-Control": "public, max-age=300", "Vary": "Host"}
    return HttpResponse(_document_bytes(), content_type="application/json", headers=headers)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with Swagger UI, whose files come from this server."""
    html = format_html(
        _PAGE,
        style=static(f"{_SIDECAR}/swagger-ui.css"),
        bundle=static(f"{_SIDECAR}/swagger-ui-bundle.js"),
        start=static("rest/start.js"),
        address=SCHEMA,
    )
    return HttpResponse(html)


def nothing(request: HttpRequest) -> HttpResponse:
    """Answer that there is nothing at an address below /api/."""
    message = f"There is nothing at {request.path[:200]}: {SCHEMA} has all addresses."
    return Problem.of(404, "NOT_FOUND", message).response()

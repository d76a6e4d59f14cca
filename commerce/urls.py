"""Every address of the web process."""

from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import path
from django.utils import timezone

from commerce import health
from commerce.db.scope import tenant_scope
from commerce.graphql.context import Operation
from commerce.graphql.view import GraphQLView
from commerce.schema import schema
from tenants.graphql.context import ShopContext
from tenants.media import serve_media
from tenants.middleware import tenant_of


def open_scope(request: HttpRequest, operation: Operation) -> AbstractContextManager[Any]:
    """Open the scope of a GraphQL operation: the tenant's, one read-only snapshot for a query."""
    return tenant_scope(tenant_of(request).id, read_only=operation.kind == "query", along_indexes=True)


def make_context(request: HttpRequest) -> ShopContext:
    """Return the context of a GraphQL operation: whose shop, at which address, when."""
    shop = tenant_of(request)
    origin = f"{request.scheme}://{request.get_host()}"
    return ShopContext(request=request, tenant=shop.id, shop=shop, origin=origin, now=timezone.now())


handler500 = "commerce.health.server_error"
urlpatterns = [
    path("graphql/", GraphQLView.as_view(schema=schema, open_scope=open_scope, make_context=make_context)),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("admin/", admin.site.urls),
]
if not settings.MEDIA_BUCKET:
    urlpatterns.append(path("media/<uuid:public_id>/<path:path>", serve_media))

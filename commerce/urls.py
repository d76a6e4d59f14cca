"""Every address of the web process."""

from contextlib import AbstractContextManager
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt

from catalog.rest.urls import router as catalog
from catalog.views import thumbnail
from commerce import health, monitoring
from commerce.db.read_after import read_token
from commerce.db.scope import tenant_scope
from commerce.graphql.context import Operation
from commerce.graphql.limits import Limits
from commerce.graphql.policy import Policy
from commerce.graphql.view import GraphQLView
from commerce.rest import document
from commerce.rest.router import Router
from commerce.schema import SCHEMA_VERSION, schema
from commerce.storage import DOWNLOAD_PATH, UPLOAD_PATH
from commerce.webhooks.rest import router as webhooks
from commerce.webhooks.views import jwks
from tenants.callers import authenticate
from tenants.graphql.context import ShopContext
from tenants.graphql.languages import languages_of
from tenants.graphql.policy import policy_of
from tenants.media import receive_upload, send_download, serve_media
from tenants.middleware import tenant_of
from tenants.rest.channels import Channels
from tenants.rest.jobs import Jobs


def open_scope(request: HttpRequest, time_limit: int, operation: Operation, alias: str) -> AbstractContextManager[Any]:
    """Open the scope of a GraphQL operation: the tenant's, one read-only snapshot for a query."""
    is_query = operation.kind == "query"
    tenant = tenant_of(request).id
    return tenant_scope(tenant, read_only=is_query, using=alias, along_indexes=True, time_limit=time_limit)


def make_policy(request: HttpRequest, limits: Limits) -> Policy:
    """Return what the shop allows to this request; `limits` are those of the settings."""
    return policy_of(request, tenant_of(request), limits)


def make_context(request: HttpRequest) -> ShopContext:
    """Return the context of a GraphQL operation: whose shop, at which address, after which write, who asks, and in
    which language.
    """
    shop = tenant_of(request)
    caller = authenticate(request, shop)
    return ShopContext(
        request=request,
        tenant=shop.id,
        shop=shop,
        origin=f"{request.scheme}://{request.get_host()}",
        read_after=read_token(request),
        caller=caller,
        languages=languages_of(request, shop, caller.permissions),
        schema=SCHEMA_VERSION,
    )


graphql = GraphQLView.as_view(schema=schema, open_scope=open_scope, make_context=make_context, make_policy=make_policy)
rest = Router()
rest.register("channels", Channels)
rest.register("jobs", Jobs)
rest.registry += [*catalog.registry, *webhooks.registry]
handler500 = "commerce.health.server_error"
urlpatterns = [
    path("graphql/", graphql),
    path(".well-known/jwks.json", jwks),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("health/workers", health.workers),
    path("metrics", monitoring.metrics),
    path("api/v1/schema/", document.schema),
    path("api/v1/docs/", document.page),
    path("api/v1/", include(rest.urls)),
    re_path("^api/", csrf_exempt(document.nothing)),
    path("thumbnail/<str:global_id>/<str:size>/", thumbnail, name="thumbnail"),
    path("thumbnail/<str:global_id>/<str:size>/<str:format>/", thumbnail),
    path("media/<uuid:public_id>/<path:path>", serve_media),
    path(UPLOAD_PATH.lstrip("/"), receive_upload),
    path(DOWNLOAD_PATH.lstrip("/"), send_download),
    path("admin/", admin.site.urls),
]

"""The toy shop's door."""

from django.urls import path

from commerce.graphql.limits import Limits
from commerce.graphql.view import GraphQLView

from .toy import Scopes, ToyContext, schema

scopes = Scopes()


def open_scope(request, time_limit, operation, alias):
    if "X-Fail" in request.headers:
        raise RuntimeError("no database")
    return scopes(operation)


def make_context(request):
    return ToyContext(request=request)


view = GraphQLView.as_view(
    schema=schema, open_scope=open_scope, make_context=make_context, limits=Limits(body=5000, upload=50_000)
)
urlpatterns = [path("graphql/", view)]

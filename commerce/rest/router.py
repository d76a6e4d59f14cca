"""Addresses of resources, without a slash at the end."""

from rest_framework.routers import DynamicRoute, Route, SimpleRouter


class Router(SimpleRouter):
    """`register("products", Products)`: the list, one object, a batch, and what a view's own actions add."""

    routes = [
        Route(
            url=r"{prefix}{trailing_slash}",
            mapping={"get": "list", "post": "create"},
            name="{basename}-list",
            detail=False,
            initkwargs={},
        ),
        Route(
            url=r"{prefix}/bulk{trailing_slash}",
            mapping={"post": "bulk"},
            name="{basename}-bulk",
            detail=False,
            initkwargs={},
        ),
        DynamicRoute(
            url=r"{prefix}/{url_path}{trailing_slash}", name="{basename}-{url_name}", detail=False, initkwargs={}
        ),
        Route(
            url=r"{prefix}/{lookup}{trailing_slash}",
            mapping={"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"},
            name="{basename}-detail",
            detail=True,
            initkwargs={},
        ),
        DynamicRoute(
            url=r"{prefix}/{lookup}/{url_path}{trailing_slash}",
            name="{basename}-{url_name}",
            detail=True,
            initkwargs={},
        ),
    ]

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)

    def get_default_basename(self, viewset: object) -> str:
        return str(getattr(viewset, "noun", "") or type(viewset).__name__)

"""The admin's site: tenants' models alone, under the tenant's own name."""

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from tenants.sign_in import refuse_sign_in

# Names of applications as staff read them, in the order of the front page.
SECTIONS = {"catalog": "Catalogue", "tenants": "Shop", "webhooks": "Webhooks", "jobs": "Work"}


class TenantAdminConfig(AdminConfig):
    """`django.contrib.admin` with our site."""

    default_site = "tenants.admin_site.TenantAdminSite"

    def ready(self) -> None:
        for label, name in SECTIONS.items():
            apps.get_app_config(label).verbose_name = name
        super().ready()


# What staff are to see at once: each returns lines of HTML for whoever is signed in.
NOTICES: list[Callable[[HttpRequest], Iterable[SafeString]]] = []


class TenantAdminSite(admin.AdminSite):
    site_url = None
    index_title = "Overview"
    index_template = "admin/tenants/index.html"

    def register(
        self, model_or_iterable: Any, admin_class: "type[admin.ModelAdmin[Any]] | None" = None, **options: Any
    ) -> None:
        """Register tenants' models, and pass over others: auth.Group comes by itself and has no place here."""
        from commerce.db.backend.schema import is_tenant_owned

        models: Iterable[type[Model]] = (
            model_or_iterable if isinstance(model_or_iterable, Iterable) else [model_or_iterable]
        )
        super().register([model for model in models if is_tenant_owned(model)], admin_class, **options)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        name = request.tenant.name  # type: ignore[attr-defined]
        return {**super().each_context(request), "site_title": name, "site_header": name}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the front page, and above all else what NOTICES have to say."""
        notices = [line for notice in NOTICES for line in notice(request)]
        return super().index(request, {**(extra_context or {}), "notices": notices})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the form of signing in, or sign in; those who try too often are refused."""
        if request.method == "POST":
            tenant = request.tenant.id  # type: ignore[attr-defined]
            if refusal := refuse_sign_in(request, tenant, request.POST.get("username", "")):
                return refusal
        return super().login(request, extra_context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found = super().get_app_list(request, app_label)
        order = list(SECTIONS)
        return sorted(found, key=lambda app: order.index(app["app_label"]) if app["app_label"] in order else len(order))

    def get_urls(self) -> list[Any]:
        """Leave out "view on site", which looks up an object of any content type."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return _Autocomplete.as_view(admin_site=self)(request)


class _Autocomplete(AutocompleteJsonView):
    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, str]:
        """Name an object as its admin's `autocomplete_label` does, where it has one."""
        label = getattr(self.model_admin, "autocomplete_label", str)
        return {"id": str(getattr(obj, to_field_name)), "text": label(obj)}

"""Apps and their tokens, for those who hold MANAGE_APPS. Nobody lets an app do what they may not do themselves."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from commerce.errors import DomainError
from tenants import operations
from tenants.admin.base import Tabular, TenantAdmin, TenantForm
from tenants.admin.people import codes_of
from tenants.models import App, AppToken
from tenants.permissions import GRANTS


class AppForm(TenantForm):
    permissions = forms.MultipleChoiceField(
        choices=[(code, code.replace("_", " ").capitalize()) for code in GRANTS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    acting: Any = None

    def clean_permissions(self) -> list[str]:
        """Refuse here what the operation refuses too: otherwise the page is shown as one that may not be changed."""
        try:
            return operations.clean_permissions(self.cleaned_data["permissions"], granted_by=codes_of(self.acting))
        except DomainError as error:
            raise forms.ValidationError(error.message) from error


class TokenInline(Tabular):
    """The tokens of an app: to look at and to revoke."""

    model = AppToken
    fields = readonly_fields = ("name", "last_four", "created_at")
    ordering = ("created_at", "id")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(App)
class AppAdmin(TenantAdmin):
    form = AppForm
    list_display = ("name", "kind", "is_active", "app_version", "author")
    list_filter = ("is_active", "kind")
    search_fields = ("name", "identifier")
    ordering = ("name",)
    readonly_fields = ("kind", "identifier", "app_version", "author", "about", "manifest_url", "app_url")
    inlines = (TokenInline,)
    actions = ("make_token",)
    fieldsets = (
        (None, {"fields": ("name", "is_active", "permissions")}),
        ("Where it comes from", {"classes": ["collapse"], "fields": readonly_fields}),
    )

    @admin.action(description="Make a new token for the selected app", permissions=["change"])
    def make_token(self, request: HttpRequest, chosen: "QuerySet[Any]") -> HttpResponse | None:
        """Show a new token of one app, this once."""
        if len(chosen) != 1:
            self.message_user(request, "Select one app.", messages.ERROR)
            return None
        app = chosen[0]
        made = operations.create_app_token(app_id=app.pk, **_by(request))
        context = {**self.admin_site.each_context(request), "title": "New token", "app": app, "token": made.text}
        return TemplateResponse(request, "admin/tenants/app/token.html", context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    def write(self, request: HttpRequest, obj: Any) -> None:
        operations.save_app(app=obj, **_by(request))

    def erase(self, request: HttpRequest, obj: Any) -> None:
        if isinstance(obj, AppToken):
            operations.delete_app_token(token_id=obj.pk, **_by(request))
        else:
            operations.delete_app(app_id=obj.pk, **_by(request))

    def rows_to_lock(self, obj: Any) -> Any:
        return [*super().rows_to_lock(obj), AppToken.objects.filter(app=obj)]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            self.message_user(request, "It has no token yet: select it in the list, and make one.", messages.WARNING)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or _covers(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or _covers(request, obj))


def _covers(request: HttpRequest, app: App) -> bool:
    return codes_of(request.user).issuperset(app.permissions)


def _by(request: HttpRequest) -> dict[str, Any]:
    """Return who asks, as operations want to know it."""
    return {"granted_by": codes_of(request.user), "actor": f"user:{request.user.pk}"}

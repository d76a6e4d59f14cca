"""Apps and their tokens, for those who hold MANAGE_APPS. Nobody lets an app do what they may not do themselves."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse

from commerce.errors import DomainError
from tenants import operations
from tenants.admin.base import Tabular, TenantAdmin, TenantForm
from tenants.admin.buttons import Buttons, badge
from tenants.admin.people import codes_of
from tenants.models import App, AppInstallation, AppToken
from tenants.permissions import GRANTS
from tenants.scopes import SCOPES


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


class TokenForm(forms.Form):
    """What a new token is called, and what it is narrowed down to."""

    name = forms.CharField(required=False, max_length=100, help_text="Where it is used, such as “warehouse”.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in sorted(SCOPES)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: all that the app may.",
    )


class TokenInline(Tabular):
    """The tokens of an app: to look at and to revoke."""

    model = AppToken
    fields = readonly_fields = ("name", "last_four", "may", "created_at")
    ordering = ("created_at", "id")

    @admin.display(description="May do")
    def may(self, token: AppToken) -> str:
        return ", ".join(token.scopes) or "All that the app may"

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
        """Lead to the page that makes a token of one app."""
        if len(chosen) != 1:
            self.message_user(request, "Select one app.", messages.ERROR)
            return None
        return HttpResponseRedirect(reverse("admin:tenants_app_token", args=[chosen[0].pk]))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.token_view)
        return [path("<path:object_id>/token/", view, name="tenants_app_token"), *super().get_urls()]

    def token_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Ask what a new token is for, and show it, this once."""
        app = self.get_object(request, object_id)
        if app is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_change_permission(request, app):
            raise PermissionDenied
        form, made = TokenForm(request.POST or None), None
        if request.method == "POST" and form.is_valid():
            try:
                made = operations.create_app_token(app_id=app.pk, **form.cleaned_data, **_by(request))
            except DomainError as error:
                form.add_error(None, error.message)
        context = {
            **self.admin_site.each_context(request),
            "title": "New token",
            "opts": self.opts,
            "app": app,
            "form": form,
            "token": made,
        }
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
            self.message_user(request, "It has no token yet: open it, and make one by “New token”.", messages.WARNING)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or covers(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or covers(request, obj))


class InstallationForm(TenantForm):
    permissions = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The app gets those that its manifest asks for and that are ticked here.",
    )

    acting: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = [code for code in GRANTS if code in codes_of(self.acting)]
        permissions: Any = self.fields["permissions"]
        permissions.choices = [(code, code.replace("_", " ").capitalize()) for code in mine]
        permissions.initial = mine
        if "manifest_url" in self.fields:
            self.fields["manifest_url"].help_text = "Such as https://app.example/api/manifest."

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        given = self.cleaned_data
        order = operations.order_installation(
            name=given["manifest_url"][:100],
            manifest_url=given["manifest_url"],
            permissions=given["permissions"],
            activate=given["activate"],
            **_by(request),
        )
        self.instance.pk, self.instance._state.adding = order.id, False
        self.instance.name = order.name


@admin.register(AppInstallation)
class AppInstallationAdmin(Buttons, TenantAdmin):
    """Orders to install an app by its manifest: nobody changes one, but one that failed can be done again."""

    form = InstallationForm
    buttons = ("retry",)
    change_form_template = "admin/tenants/appinstallation/change_form.html"
    list_display = ("name", "condition", "manifest_url", "created_at", "short_message")
    list_filter = ("status",)
    search_fields = ("name", "manifest_url")
    ordering = ("-created_at", "-id")
    actions = ("retry_chosen",)

    @admin.display(description="status", ordering="status")
    def condition(self, order: AppInstallation) -> Any:
        kinds = {"pending": "warn", "installed": "good", "failed": "bad"}
        return badge(kinds[order.status], "being installed" if order.status == "pending" else order.status)

    @admin.display(description="message")
    def short_message(self, order: AppInstallation) -> str:
        return order.message[:120]

    @admin.display(description="permissions at most")
    def at_most(self, order: AppInstallation) -> str:
        return "all that its manifest asks for" if order.permissions is None else ", ".join(order.permissions) or "none"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("manifest_url", "activate", "permissions")
        return (
            "name",
            "condition",
            "message",
            "manifest_url",
            "at_most",
            "activate",
            "app",
            "created_at",
            "started_at",
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say before anything is deleted which of them have not failed."""
        shown, counts, denied, protected = super().get_deleted_objects(objs, request)
        kept = [f"{order}: it is {order.status}, and has not failed" for order in objs if order.status != "failed"]
        return shown, counts, denied, [*protected, *kept]

    def erase(self, request: HttpRequest, obj: Any) -> None:
        operations.delete_installation(installation_id=obj.pk, granted_by=codes_of(request.user))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        self.message_user(request, "The app is being installed: its line tells how it ends.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:tenants_appinstallation_changelist"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Return whether who is signed in may have installations done again."""
        return self.has_add_permission(request)

    def may_press(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_add_permission(request)

    def retry(self, request: HttpRequest, order: AppInstallation) -> str:
        """Have an installation done again."""
        operations.retry_installation(installation_id=order.pk, activate=order.activate, **_by(request))
        return f"{order.name} is being installed again."

    @admin.action(description="Try the selected installations again", permissions=["retry"])
    def retry_chosen(self, request: HttpRequest, chosen: "QuerySet[Any]") -> None:
        for order in chosen:
            try:
                self.message_user(request, self.retry(request, order), messages.SUCCESS)
            except DomainError as error:
                self.message_user(request, error.message, messages.ERROR)


def covers(request: HttpRequest, app: App) -> bool:
    """Return whether who is signed in may do all that an app may."""
    return codes_of(request.user).issuperset(app.permissions)


def _by(request: HttpRequest) -> dict[str, Any]:
    """Return who asks, as operations want to know it."""
    return {"granted_by": codes_of(request.user), "actor": f"user:{request.user.pk}"}

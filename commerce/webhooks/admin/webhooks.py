"""Webhooks in the admin: what they ask for, how their endpoints do, and sending again. As far as one's rights go."""

import zlib
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from commerce.errors import DomainError
from commerce.webhooks import operations
from commerce.webhooks.admin.fields import FiltersField, HeadersField, event_choices
from commerce.webhooks.admin.shown import actor
from commerce.webhooks.models import Delivery, Webhook
from commerce.webhooks.operations import Wanted
from commerce.webhooks.subscriptions import check_subscription
from commerce.webhooks.sync_events import SYNC_EVENTS
from tenants import queries as tenants
from tenants.admin.apps import covers
from tenants.admin.base import TenantAdmin, TenantForm
from tenants.admin.buttons import Buttons, badge
from tenants.admin.people import codes_of

# What people enter. The state of the endpoint beside it changes with every failure, and outdates no form.
_ENTERED = ("name", "target_url", "events", "query", "secret", "custom_headers", "channels", "filters", "is_active")


class WebhookForm(TenantForm):
    events = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)
    channels = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: the events of all channels. Events that belong to no channel are always sent.",
    )
    filters = FiltersField(
        required=False,
        help_text="A fact of the event in each line, and the values that are wanted: slug: shirt, shoe.",
    )
    custom_headers = HeadersField(
        required=False, help_text="Up to five, each in a line of its own: X-Name: value, or Authorization: Bearer …"
    )
    query = forms.CharField(
        required=False,
        label="Subscription query",
        widget=forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField code", "spellcheck": "false"}),
        help_text="A GraphQL subscription that makes what is sent. Without one it is the documented JSON.",
    )
    new_secret = forms.CharField(
        required=False,
        strip=False,
        max_length=255,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Signs by HMAC in the place of the shop's key. It is not shown; left empty, it stays as it is.",
    )
    drop_secret = forms.BooleanField(required=False, label="Sign by the shop's key again")

    acting: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        adding = self.instance._state.adding
        permissions = None if adding else self.instance.app.permissions
        if "app" in self.fields:
            apps: Any = self.fields["app"]
            apps.queryset = apps.queryset.order_by("name").filter(pk__in=[app.pk for app in self.mine(apps.queryset)])
        if "target_url" in self.fields:
            self.fields["target_url"].label = "Target (URL)"
            self.fields["target_url"].widget.attrs["class"] = "vLargeTextField"
        events: Any = self.fields["events"]
        events.choices = event_choices(permissions, self.instance.events)
        channels: Any = self.fields["channels"]
        channels.choices = [
            (str(channel.id), f"{channel.name} ({channel.slug})") for channel in tenants.list_channels()
        ]
        if not self.instance.secret:
            self.fields.pop("drop_secret", None)

    def mine(self, apps: Any) -> list[Any]:
        """Return the apps that may do no more than who is signed in."""
        return [app for app in apps if self.acting.issuperset(app.permissions)]

    def version(self) -> int | None:
        if self.instance._state.adding:
            return None
        return zlib.crc32(repr([getattr(self.instance, name) for name in _ENTERED]).encode())

    def clean_app(self) -> Any:
        app = self.cleaned_data["app"]
        if not self.acting.issuperset(app.permissions):
            raise forms.ValidationError(f"{app} has permissions that you do not have.")
        return app

    def clean_events(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["events"]
        if 0 < len(SYNC_EVENTS.keys() & set(chosen)) < len(chosen):
            raise forms.ValidationError("A webhook is either told of events or asked: make two of it.")
        return chosen

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if {"query", "events"} & set(self.changed_data) and "query" in cleaned and "events" in cleaned:
            for problem in check_subscription(cleaned["query"], cleaned["events"]):
                self.add_error("query", problem)
        return cleaned

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        if not self.row_changed():
            return
        webhook, given = self.instance, self._wanted()
        app = webhook.app
        if webhook._state.adding:
            made = operations.create_webhook(
                app_id=app.pk, wanted=given, permissions=app.permissions, actor=actor(request)
            )
            webhook.pk, webhook._state.adding = made.pk, False
        else:
            operations.update_webhook(
                webhook_id=webhook.pk, wanted=given, permissions=app.permissions, actor=actor(request)
            )

    def _wanted(self) -> Wanted:
        given = self.cleaned_data
        secret = given["new_secret"] or ("" if given.get("drop_secret") else self.instance.secret)
        return Wanted(
            name=given["name"],
            target_url=given["target_url"],
            events=given["events"],
            query=given["query"],
            secret=secret,
            identifier=self.instance.identifier,
            custom_headers=given["custom_headers"],
            channels=given["channels"],
            filters=given["filters"],
            is_sync=bool(SYNC_EVENTS.keys() & set(given["events"])),
            is_active=given["is_active"],
        )


class ReplayForm(forms.Form):
    """A range of time, in UTC."""

    since = forms.DateTimeField(widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"))
    until = forms.DateTimeField(widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("since") and cleaned.get("until") and cleaned["since"] >= cleaned["until"]:
            self.add_error("until", "The end must be after the beginning.")
        return cleaned


@admin.register(Webhook)
class WebhookAdmin(Buttons, TenantAdmin):
    form = WebhookForm
    buttons = ("pause", "resume")
    change_form_template = "admin/webhooks/webhook/change_form.html"
    list_display = ("label", "app", "state_word", "waiting", "dead", "since", "number", "target")
    list_filter = ("state", "is_active", "is_sync", "app")
    list_select_related = ("app",)
    search_fields = ("name", "target_url", "app__name")
    ordering = ("name", "id")
    actions = ("pause_chosen", "resume_chosen")
    readonly_fields = ("app", "condition", "sent", "signature", "asks_for")

    class Media:
        css = {"all": ["webhooks/admin.css"]}
        js = ["webhooks/events.js"]

    # --- The list --------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        counts = {f"{status}_count": _count(status) for status in ("pending", "dead")}
        counted: QuerySet[Any] = found.annotate(**counts)
        return counted

    @admin.display(description="name", ordering="name")
    def label(self, webhook: Webhook) -> str:
        return webhook.name or "(no name)"

    @admin.display(description="target")
    def target(self, webhook: Webhook) -> str:
        return urlsplit(webhook.target_url).netloc

    @admin.display(description="events")
    def number(self, webhook: Webhook) -> SafeString:
        return format_html('<span title="{}">{}</span>', ", ".join(webhook.events), len(webhook.events))

    @admin.display(description="events")
    def asks_for(self, webhook: Webhook) -> str:
        return ", ".join(webhook.events)

    @admin.display(description="state", ordering="state")
    def state_word(self, webhook: Webhook) -> SafeString:
        if not webhook.is_active:
            return badge("dull", "not active")
        if webhook.state == Webhook.State.OK:
            return badge("good", "ok") if not webhook.failures else badge("warn", f"{webhook.failures} failures")
        kind = "warn" if webhook.state == Webhook.State.SLOWED else "bad"
        return format_html('<span title="{}">{}</span>', webhook.reason, badge(kind, webhook.state))

    @admin.display(description="state")
    def condition(self, webhook: Webhook) -> SafeString:
        told = f"Tried again at {webhook.probe_at:%Y-%m-%d %H:%M:%S} UTC." if webhook.probe_at else ""
        return format_html("{} {} {}", self.state_word(webhook), webhook.reason, told)

    @admin.display(description="failing since", ordering="failing_since")
    def since(self, webhook: Webhook) -> str | None:
        return f"{webhook.failing_since:%Y-%m-%d %H:%M}" if webhook.failing_since else None

    @admin.display(description="waiting", ordering="pending_count")
    def waiting(self, webhook: Any) -> int:
        count: int = webhook.pending_count
        return count

    @admin.display(description="dead", ordering="dead_count")
    def dead(self, webhook: Any) -> Any:
        if not webhook.dead_count:
            return 0
        return format_html('<a href="{}">{}</a>', _deliveries(webhook, "dead"), webhook.dead_count)

    @admin.action(description="Pause: send nothing more to the selected webhooks", permissions=["change"])
    def pause_chosen(self, request: HttpRequest, chosen: "QuerySet[Any]") -> None:
        self._each(request, chosen, self.pause)

    @admin.action(description="Resume: send to the selected webhooks again", permissions=["change"])
    def resume_chosen(self, request: HttpRequest, chosen: "QuerySet[Any]") -> None:
        self._each(request, chosen, self.resume)

    def _each(self, request: HttpRequest, chosen: "QuerySet[Any]", do: Any) -> None:
        for webhook in chosen:
            if self.has_change_permission(request, webhook):
                self.message_user(request, do(request, webhook))
            else:
                self.message_user(request, f"{webhook.app} has permissions that you do not have.", messages.ERROR)

    # --- One webhook -----------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            fields = ("name", "app", "target_url", "is_active", "condition", "sent", "asks_for", "query")
            return [(None, {"fields": fields})]
        secrets = ["new_secret", "drop_secret"] if obj is not None and obj.secret else ["new_secret"]
        main = {"fields": ["name", "app", "target_url", "is_active", "opened_version"]}
        state: list[Any] = [("How it does", {"fields": ["condition", "failing_since", "sent"]})]
        return [
            (None, main if obj is not None else {"fields": main["fields"][:-1]}),
            *(state if obj is not None else []),
            ("Events", {"fields": ["events"], "classes": ["events"]}),
            ("Which of them", {"fields": ["channels", "filters"]}),
            ("What is sent", {"fields": ["query", "custom_headers"]}),
            ("Signature", {"fields": ["signature", *secrets] if obj is not None else secrets}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A webhook stays its app's."""
        fields = [*self.readonly_fields, "failing_since"]
        return fields if obj is not None else [name for name in fields if name != "app"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.acting = codes_of(request.user)
        return form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """Show the page with what each app may do, for its script."""
        field: Any = Webhook._meta.get_field("app")
        apps = {str(app.pk): app.permissions for app in field.related_model.objects.all() if covers(request, app)}
        return super().add_view(request, form_url, {**(extra_context or {}), "app_permissions": apps})

    @admin.display(description="deliveries")
    def sent(self, webhook: Any) -> SafeString:
        shown = [("pending", "waiting"), ("dead", "dead"), ("skipped", "skipped")]
        counts = Delivery.objects.filter(webhook=webhook, status__in=["dead", "skipped"]).values("status")
        found = {row["status"]: row["number"] for row in counts.order_by().annotate(number=Count("*"))}
        found["pending"] = Delivery.objects.filter(webhook=webhook, status="pending").count()
        links = format_html_join(
            ", ", '<a href="{}">{} {}</a>', ((_deliveries(webhook, s), found.get(s, 0), word) for s, word in shown)
        )
        return format_html('{} · <a href="{}">all</a>', links, _deliveries(webhook))

    @admin.display(description="signed by")
    def signature(self, webhook: Webhook) -> str:
        return "a secret of its own (HMAC-SHA256)" if webhook.secret else "the shop's key (/.well-known/jwks.json)"

    def erase(self, request: HttpRequest, obj: Any) -> None:
        operations.delete_webhook(webhook_id=obj.pk, actor=actor(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or covers(request, obj.app))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or covers(request, obj.app))

    # --- Buttons and sending again ---------------------------------------------------------------------

    def pause(self, request: HttpRequest, webhook: Webhook) -> str:
        """Send nothing more to a webhook."""
        operations.pause_webhook(webhook_id=webhook.pk, reason=f"Paused by {request.user}.", actor=actor(request))
        return f"{webhook} is paused: what comes meanwhile waits."

    def resume(self, request: HttpRequest, webhook: Webhook) -> str:
        """Send to a webhook again."""
        operations.resume_webhook(webhook_id=webhook.pk, now=timezone.now(), actor=actor(request))
        return f"{webhook} is resumed: what waited is sent now."

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.replay_view)
        return [path("<path:object_id>/replay/", view, name="webhooks_webhook_replay"), *super().get_urls()]

    def replay_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Ask for a range of time, and send its events once more, or for the first time."""
        webhook = self.get_object(request, object_id)
        if webhook is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_change_permission(request, webhook):
            raise PermissionDenied
        now = timezone.now()
        form = ReplayForm(request.POST or None, initial={"since": now - timedelta(days=1), "until": now})
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            try:
                count = operations.replay_range(
                    webhook_id=webhook.pk, since=given["since"], until=given["until"], at_most=operations.MOST_REPLAYED
                )
                self.message_user(request, f"{count} deliveries are due now.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:webhooks_webhook_change", args=[webhook.pk]))
            except DomainError as error:
                form.add_error(None, error.message)
        context = {
            **self.admin_site.each_context(request),
            "title": "Send again",
            "opts": self.opts,
            "webhook": webhook,
            "form": form,
            "is_paused": webhook.state == Webhook.State.PAUSED,
        }
        return TemplateResponse(request, "admin/webhooks/webhook/replay.html", context)


def _count(status: str) -> Any:
    found = Delivery.objects.filter(webhook=OuterRef("pk"), status=status).order_by().values("webhook")
    return Coalesce(Subquery(found.annotate(number=Count("*")).values("number")), 0)


def _deliveries(webhook: Webhook, status: str = "") -> str:
    narrowed = f"&status={status}" if status else ""
    return f"{reverse('admin:webhooks_delivery_changelist')}?webhook={webhook.pk}{narrowed}"

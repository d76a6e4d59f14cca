"""Deliveries in the admin: to look at, and to send once more."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from commerce.errors import DomainError
from commerce.webhooks import operations, queries
from commerce.webhooks.admin.shown import pretty
from commerce.webhooks.models import Delivery, Webhook
from commerce.webhooks.payloads import make_plain_payload
from tenants import queries as tenants
from tenants.admin.apps import covers
from tenants.admin.base import TenantAdmin, is_uuid
from tenants.admin.buttons import Buttons, badge

_KINDS = {"pending": "warn", "delivered": "good", "dead": "bad", "skipped": "dull"}
# Further pages of a list are not counted: a large shop has millions of deliveries.
MOST_COUNTED = 10_000


class _Paginator(Paginator):  # type: ignore[type-arg]
    @cached_property
    def count(self) -> int:
        found: Any = self.object_list
        number: int = found.order_by()[:MOST_COUNTED].count()
        return number


class _WebhookFilter(admin.SimpleListFilter):
    title, parameter_name = "webhook", "webhook"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        return [(str(webhook.pk), str(webhook)) for webhook in Webhook.objects.order_by("name", "id")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if not self.value():
            return queryset
        # In the order that an index of one webhook's deliveries has.
        return queryset.filter(webhook_id=self.value()) if is_uuid(self.value()) else queryset.none()


class _StatusFilter(admin.SimpleListFilter):
    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(status.value, status.label) for status in Delivery.Status]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(status=self.value()) if self.value() else queryset


class _EventFilter(admin.SimpleListFilter):
    title, parameter_name = "event", "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        names = {name for events in Webhook.objects.values_list("events", flat=True) for name in events}
        return [(name, name) for name in sorted(names)]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(event_type=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(Buttons, TenantAdmin):
    buttons = ("send_again",)
    change_form_template = "admin/webhooks/delivery/change_form.html"
    list_display = ("moment", "outcome", "event_type", "short_thing", "webhook", "attempts", "due", "short_error")
    list_filter = (_StatusFilter, _WebhookFilter, _EventFilter)
    list_select_related = ("webhook__app",)
    search_fields = ("id",)
    search_help_text = "The id of an event, of an object or of a delivery."
    ordering = ("-id",)
    paginator = _Paginator
    actions = ("send_chosen_again",)
    fields = (
        "event_type", "thing", "event_id", "webhook_link", "outcome", "error", "occurred_at", "due", "finished_at",
        "tries", "content",
    )  # fmt: skip

    class Media:
        css = {"all": ["webhooks/admin.css"]}

    # --- What is shown ---------------------------------------------------------------------------------

    @admin.display(description="at", ordering="id")
    def moment(self, delivery: Delivery) -> str:
        return f"{delivery.occurred_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="object")
    def short_thing(self, delivery: Delivery) -> SafeString:
        told = f"{delivery.object_kind} …{str(delivery.object_id)[-8:]} v{delivery.object_version}"
        return format_html('<span title="{}">{}</span>', delivery.object_id, told)

    @admin.display(description="object")
    def thing(self, delivery: Delivery) -> str:
        return f"{delivery.object_kind} {delivery.object_id} (version {delivery.object_version})"

    @admin.display(description="status", ordering="status")
    def outcome(self, delivery: Delivery) -> SafeString:
        return badge(_KINDS[delivery.status], delivery.get_status_display().lower())

    @admin.display(description="next try")
    def due(self, delivery: Delivery) -> Any:
        if delivery.status != Delivery.Status.PENDING:
            return "-"
        return "being sent" if delivery.leased_until else f"{delivery.next_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="error")
    def short_error(self, delivery: Delivery) -> SafeString:
        return format_html('<span title="{}">{}</span>', delivery.error, delivery.error[:40])

    @admin.display(description="webhook")
    def webhook_link(self, delivery: Delivery) -> SafeString:
        page = reverse("admin:webhooks_webhook_change", args=[delivery.webhook_id])
        return format_html('<a href="{}">{}</a> → {}', page, delivery.webhook, delivery.webhook.target_url)

    @admin.display(description="attempts")
    def tries(self, delivery: Delivery) -> str:
        found = queries.list_attempts(delivery.pk)
        return render_to_string("admin/webhooks/delivery/attempts.html", {"attempts": found})

    @admin.display(description="what is sent")
    def content(self, delivery: Any) -> Any:
        if not delivery.is_covered:
            return "The app has permissions that you do not have."
        if delivery.body is not None:
            return pretty(delivery.body)
        if delivery.webhook.query or delivery.webhook.is_sync:
            return format_html("Not kept, or not made yet. It is made of: {}", pretty(delivery.facts))
        return pretty(make_plain_payload(delivery, public_id=tenants.get_public_id()))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.is_covered = covers(request, found.webhook.app)
        return found

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        text = search_term.strip()
        if not text:
            return queryset, False
        if not is_uuid(text):
            return queryset.none(), False
        key = UUID(text)
        return queryset.filter(Q(id=key) | Q(event_id=key) | Q(object_id=key)), False

    # --- Who may what ----------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Return whether who is signed in may have deliveries sent again."""
        return self.has_view_permission(request)

    def may_press(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_view_permission(request, obj) and covers(request, obj.webhook.app)

    # --- Sending again ---------------------------------------------------------------------------------

    def send_again(self, request: HttpRequest, delivery: Delivery) -> str:
        """Have a delivery sent once more."""
        operations.replay_delivery(delivery_id=delivery.pk)
        if delivery.webhook.state == Webhook.State.PAUSED or not delivery.webhook.is_active:
            return "It is sent once the webhook is resumed and active."
        return "It is due now."

    @admin.action(description="Send the selected deliveries again", permissions=["replay"])
    def send_chosen_again(self, request: HttpRequest, chosen: "QuerySet[Any]") -> None:
        sent = 0
        for delivery in chosen.select_related("webhook__app"):
            if not covers(request, delivery.webhook.app):
                self.message_user(
                    request, f"{delivery.webhook.app} has permissions that you do not have.", messages.ERROR
                )
                continue
            try:
                self.send_again(request, delivery)
                sent += 1
            except DomainError as error:
                self.message_user(request, f"{delivery}: {error.message}", messages.ERROR)
        self.message_user(request, f"{sent} deliveries are due now.")

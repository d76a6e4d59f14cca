from django.db import models
from django.db.models.functions import Now

from commerce.db.models import TenantModel, TenantRow, new_id
from commerce.db.topics.declared import NOT_SHOWN


class Webhook(TenantModel):
    """Where an app is told of which events.

    `events` are names of the dialect (PRODUCT_UPDATED); an empty `channels` means all, otherwise the ids of those
    whose events are wanted; `filters` narrows events down to those whose facts have one of the values listed
    ({"product_id": ["…"]}).
    """

    topics = NOT_SHOWN

    class State(models.TextChoices):
        OK = "ok"
        SLOWED = "slowed"
        PAUSED = "paused"

    app = models.ForeignKey("tenants.App", on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=255, blank=True)
    # What the manifest calls it, so that an app's new version finds the webhooks of the old one.
    identifier = models.CharField(max_length=255, blank=True)
    target_url = models.CharField(max_length=2000)
    events = models.JSONField(default=list, blank=True)
    is_sync = models.BooleanField(default=False)
    query = models.TextField(blank=True)
    secret = models.CharField(max_length=255, blank=True)
    custom_headers = models.JSONField(default=dict, blank=True)
    channels = models.JSONField(default=list, blank=True)
    filters = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    # How its endpoint does: `failures` in a row since `failing_since`; a slowed one is tried again at `probe_at`.
    state = models.CharField(max_length=10, choices=State.choices, default=State.OK)
    reason = models.TextField(blank=True)
    failures = models.IntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    probe_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="webhook_state", condition=models.Q(state__in=["ok", "slowed", "paused"])),
            models.CheckConstraint(
                name="webhook_probe", condition=~models.Q(state="slowed") | models.Q(probe_at__isnull=False)
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "name", "id"], name="webhook_by_name")]

    def __str__(self) -> str:
        return self.name or self.target_url


class Delivery(TenantRow):
    """An event for a webhook: what to send, how often that was tried, and what became of it.

    It holds the event's facts, so that it does not need the event, which is deleted after a while. `next_at` is
    when it is due; while a worker has it, when it is due again should the worker be gone (`leased_until`).
    `body` is kept where a subscription query made it, so that each attempt sends the same bytes.
    """

    topics = NOT_SHOWN

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        DEAD = "dead"
        SKIPPED = "skipped"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event_id = models.UUIDField()
    event_type = models.CharField(max_length=100)
    object_kind = models.CharField(max_length=50)
    object_id = models.UUIDField()
    object_version = models.BigIntegerField()
    position = models.BigIntegerField()
    facts = models.JSONField(db_default={})
    actor = models.CharField(max_length=200, blank=True, db_default="")
    occurred_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, db_default=Status.PENDING)
    attempts = models.IntegerField(db_default=0)
    next_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True)
    # Since when it has been tried in vain, of which no more than a day is allowed.
    tried_since = models.DateTimeField(null=True)
    body = models.BinaryField(null=True)
    error = models.TextField(blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "webhook", "event_id"], name="webhook_delivery_once"),
            models.CheckConstraint(
                name="webhook_delivery_status",
                condition=models.Q(status__in=["pending", "delivered", "dead", "skipped"]),
            ),
            models.CheckConstraint(
                name="webhook_delivery_finished",
                condition=models.Q(status="pending", finished_at=None)
                | models.Q(~models.Q(status="pending"), finished_at__isnull=False),
            ),
        ]
        # Both hold the unfinished deliveries, said in two ways, so that no query takes one for the other.
        indexes = [
            # The fair claim walks tenants and their webhooks, and in each the due deliveries in order.
            models.Index(
                name="webhook_delivery_claim",
                fields=["tenant_id", "webhook", "next_at", "position"],
                condition=models.Q(status="pending"),
            ),
            # Those that were never delivered, the newest event of a webhook first: to count and to look at.
            models.Index(
                name="webhook_delivery_failed",
                fields=["tenant_id", "webhook", "event_id"],
                condition=models.Q(status__in=["dead", "skipped"]),
            ),
            # The unfinished deliveries before and after this one, to the same webhook and of the same object.
            models.Index(
                name="webhook_delivery_object",
                fields=["tenant_id", "webhook", "object_id", "position"],
                condition=models.Q(finished_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} of {self.object_kind} {self.object_id}"


class Attempt(TenantRow):
    """One sending of a delivery: when, for how long, and what was answered. What the answer said is not kept."""

    topics = NOT_SHOWN

    pk = models.CompositePrimaryKey("tenant_id", "delivery_id", "number")
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries", db_index=False)
    number = models.IntegerField()
    at = models.DateTimeField(db_default=Now())
    duration_ms = models.IntegerField()
    status_code = models.IntegerField(null=True)
    length = models.BigIntegerField(null=True)
    content_type = models.CharField(max_length=200, blank=True, db_default="")
    error = models.TextField(blank=True, db_default="")

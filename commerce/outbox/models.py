from django.db import models
from django.db.models.functions import Cast, Now

from commerce.db.models import TenantRow, new_id
from commerce.db.topics.declared import NOT_SHOWN


class Event(TenantRow):
    """Something that was committed: what happened to which object, at which of its versions.

    `position` is the order of writing, over all tenants; it is taken while the object's row is locked, so it
    orders one object's events, but not commits, and it is never shown outside. An object is its
    `object_id`, whatever its kind: UUIDs are not shared between kinds.
    """

    topics = NOT_SHOWN

    class Status(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        DEAD = "dead"

    pk = models.CompositePrimaryKey("tenant_id", "id")
    id = models.UUIDField(default=new_id, editable=False)
    position = models.BigIntegerField(
        db_default=models.Func(
            models.Value("outbox_event_position"), function="nextval", output_field=models.BigIntegerField()
        ),
        editable=False,
    )
    # The writing transaction: all of those below a snapshot's lowest running one are over (the feed).
    xid = models.BigIntegerField(
        db_default=Cast(
            Cast(models.Func(function="pg_current_xact_id", output_field=models.TextField()), models.TextField()),
            models.BigIntegerField(),
        ),
        editable=False,
    )
    type = models.CharField(max_length=100)
    object_kind = models.CharField(max_length=50)
    object_id = models.UUIDField()
    object_version = models.BigIntegerField()
    payload = models.JSONField(db_default={})
    actor = models.CharField(max_length=200, blank=True, db_default="")
    status = models.CharField(max_length=10, choices=Status.choices, db_default=Status.PENDING)
    attempts = models.IntegerField(db_default=0)
    # The clock of the database alone: it orders claims, and rises with `position` per object.
    next_at = models.DateTimeField(db_default=Now())
    error = models.TextField(blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="outbox_event_status", condition=models.Q(status__in=["pending", "done", "dead"])
            ),
            models.CheckConstraint(
                name="outbox_event_finished",
                condition=models.Q(status="pending", finished_at=None)
                | models.Q(~models.Q(status="pending"), finished_at__isnull=False),
            ),
        ]
        # The claim's and the object's hold the unfinished events, said in two ways, so that no query takes one for the
        # other (see claims.py).
        indexes = [
            # The fair claim walks tenants, and in each the due events in order.
            models.Index(
                name="outbox_event_claim",
                fields=["tenant_id", "next_at", "position"],
                condition=models.Q(status="pending"),
            ),
            # The feed.
            models.Index(name="outbox_event_feed", fields=["tenant_id", "xid", "position"]),
            # What operators look at: they are few, and stay.
            models.Index(name="outbox_event_dead", fields=["tenant_id", "position"], condition=models.Q(status="dead")),
            # The unfinished event before this one, of the same object.
            models.Index(
                name="outbox_event_object",
                fields=["tenant_id", "object_id", "position"],
                condition=models.Q(finished_at=None),
            ),
        ]


class Relay(models.Model):
    """A relay that was seen at `seen_at`, by the database's clock, how much was due then, and since when.

    It takes its row away when it ends; one that was killed leaves it to grow old. `finished` counts since its start.
    """

    name = models.CharField(max_length=200, primary_key=True)
    process = models.IntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    finished = models.BigIntegerField()
    due = models.BigIntegerField()
    oldest_at = models.DateTimeField(null=True)

"""Tenants' long jobs; and what workers and beat say of themselves, which is no tenant's."""

from django.db import models
from django.db.models.functions import Now

from commerce.db.models import TenantModel
from commerce.db.topics.declared import NOT_SHOWN


class Worker(models.Model):
    """A worker that was seen at `seen_at`, by the database's clock, while it took tasks from `queues`.

    It takes its row away when it ends; one that was killed leaves it to grow old.
    """

    name = models.CharField(max_length=200, primary_key=True)
    queues = models.JSONField()
    process = models.IntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()


class Slot(models.Model):
    """The last time slot of an entry of beat's schedule that was sent: whoever raises it first sends the task."""

    entry = models.CharField(max_length=200, primary_key=True)
    starts_at = models.DateTimeField()


class Job(TenantModel):
    """Long work of a tenant: what it is, how far it has come, and who is at it.

    `done` and `total` count what `message` says; `state` is where a new worker goes on. `seen_at` is the last sign of
    the worker that has the job, by the database's clock. Staff with `permission` may see and stop it; where it is
    empty, those who manage the shop's settings.
    """

    topics = NOT_SHOWN

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=100)
    permission = models.CharField(max_length=50, blank=True, default="")
    arguments = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    message = models.CharField(max_length=500, blank=True, default="")
    error = models.TextField(blank=True, default="")
    state = models.JSONField(default=dict)
    is_cancel_asked = models.BooleanField(default=False)
    tries = models.IntegerField(default=0)
    holder = models.UUIDField(null=True)
    seen_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="job_status", condition=models.Q(status__in=["queued", "running", "done", "failed", "cancelled"])
            ),
        ]
        indexes = [
            # What is not finished, the longest silent first.
            models.Index(name="job_unfinished", fields=["tenant_id", "seen_at"], condition=models.Q(finished_at=None)),
            # Lists show the latest first.
            models.Index(name="job_latest", fields=["tenant_id", "created_at", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

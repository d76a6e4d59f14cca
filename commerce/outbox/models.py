from django.db import models
from django.utils import timezone

from commerce.db.models import TenantRow, new_id


class Event(TenantRow):
    """Something that was committed: what happened to which object, at which of its versions.

    `position` orders events as they were written (a sequence over all tenants, never shown outside).
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        DEAD = "dead"

    id = models.UUIDField(default=new_id, editable=False)
    pk = models.CompositePrimaryKey("tenant_id", "id")
    position = models.BigIntegerField(db_default=models.Value(0))
    type = models.CharField(max_length=100)
    object_kind = models.CharField(max_length=50)
    object_id = models.UUIDField()
    object_version = models.BigIntegerField()
    payload = models.JSONField(default=dict)
    actor = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

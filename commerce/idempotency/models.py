"""What was asked under which key, and what was answered."""

from django.db import models
from django.db.models.functions import Now

from commerce.db.models import TenantRow
from commerce.db.topics.declared import NOT_SHOWN


class Record(TenantRow):
    """A write that its caller named by a key: begun by a request of this digest, and finished with this answer.

    Where one transaction does all of it, the row and the effect are committed together, and nobody ever sees it begun.
    Where several do, `recovery_point` says how far it is, and until `leased_until` somebody is at it.
    """

    topics = NOT_SHOWN

    class Status(models.TextChoices):
        STARTED = "started"
        FINISHED = "finished"

    pk = models.CompositePrimaryKey("tenant_id", "caller", "key")
    caller = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    # SHA-256 of all that makes the request what it is.
    digest = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.STARTED)
    recovery_point = models.CharField(max_length=100, blank=True, default="")
    leased_until = models.DateTimeField()
    answer_status = models.IntegerField(null=True)
    answer_headers = models.JSONField(default=dict)
    answer_body = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="idempotency_record_status", condition=models.Q(status__in=["started", "finished"])
            )
        ]
        indexes = [models.Index(fields=["tenant_id", "created_at"], name="idempotency_record_age")]

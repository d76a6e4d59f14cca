from django.db import models

from commerce.db.models import TenantModel, TenantRow
from commerce.db.topics.declared import NOT_SHOWN


class ImportRun(TenantModel):
    """One import of a file: what it reads, how far it is, what it did.

    Brought up to date in the transaction of each batch, so that a run that was killed goes on where it
    stopped: `position` counts the rows of the file that are dealt with, `line` is where the last one ended.
    """

    topics = NOT_SHOWN

    class Status(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"
        FINISHED = "finished"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=40, default="products")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.RUNNING)
    file_name = models.CharField(max_length=500)
    # SHA-256 of the file's bytes, and of the mapping with the options that change the outcome.
    file_digest = models.CharField(max_length=64)
    mapping_digest = models.CharField(max_length=64)
    is_atomic = models.BooleanField(default=False)
    total = models.IntegerField(default=0)
    position = models.IntegerField(default=0)
    line = models.IntegerField(default=0)
    created_count = models.IntegerField(default=0)
    changed_count = models.IntegerField(default=0)
    left_count = models.IntegerField(default=0)
    refused_count = models.IntegerField(default=0)
    error = models.TextField(blank=True)
    actor = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="import_run_status",
                condition=models.Q(status__in=["running", "paused", "finished", "failed", "cancelled"]),
            )
        ]
        indexes = [models.Index(fields=["tenant_id", "file_digest", "mapping_digest"], name="import_run_of_file")]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.status})"


class ImportProblem(TenantRow):
    """Why a row of a file was refused; `source` is the row as it stands in the file."""

    topics = NOT_SHOWN

    pk = models.CompositePrimaryKey("tenant_id", "run_id", "number")
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="problems", db_index=False)
    number = models.IntegerField()
    row_number = models.IntegerField()
    line = models.IntegerField()
    column_name = models.CharField(max_length=250, blank=True)
    reason = models.TextField()
    source = models.TextField(blank=True)

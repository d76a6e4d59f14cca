from django.db import models

from commerce.db.models import TenantModel
from commerce.db.topics.declared import NOT_SHOWN


class Transfer(TenantModel):
    """A catalogue's file on its way in or out: the file, and the job that is at it or was (None: not begun).

    It is forgotten at `expires_at`, with its files, unless its job still works. `notes` are for people.
    """

    topics = NOT_SHOWN

    channel = models.CharField(max_length=255, blank=True)
    file_name = models.CharField(max_length=250)
    size = models.BigIntegerField(default=0)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    notes = models.JSONField(default=list)
    actor = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.file_name


class Import(Transfer):
    """A file to be taken in: by a mapping (YAML) where the format is "mapping".

    `run` has the books, once it has begun; `corrections` is the file of its refused rows, once its job has ended.
    """

    class Format(models.TextChoices):
        CATALOGUE = "catalogue"
        SHOPIFY = "shopify"
        WOOCOMMERCE = "woocommerce"
        MAPPING = "mapping"

    format = models.CharField(max_length=20, choices=Format.choices)
    mapping = models.TextField(blank=True)
    file = models.FileField(upload_to="private/imports", max_length=500)
    corrections = models.FileField(upload_to="private/imports", max_length=500, blank=True)
    is_paused = models.BooleanField(default=False)
    run = models.ForeignKey("catalog.ImportRun", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "expires_at"], name="import_expiry")]


class Export(Transfer):
    """A file that is made: `file` once it is complete, of `size` bytes and so many lines."""

    class Format(models.TextChoices):
        CATALOGUE = "catalogue"
        SHOPIFY = "shopify"
        WOOCOMMERCE = "woocommerce"

    format = models.CharField(max_length=20, choices=Format.choices)
    file = models.FileField(upload_to="private/exports", max_length=500, blank=True)
    lines = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "expires_at"], name="export_expiry")]

"""Bases of every tenant-owned model, and the record of data migrations run per tenant."""

import uuid
from typing import ClassVar

from django.db import models
from uuid_utils import compat as uuid_time

from commerce.db.fields import TenantField
from commerce.db.topics.declared import Topics


def new_id() -> uuid.UUID:
    """Return a time-ordered UUID (version 7, RFC 9562), for keys whose possession grants nothing."""
    return uuid_time.uuid7()


def new_secret_id() -> uuid.UUID:
    """Return a random UUID (version 4), for keys whose possession is the right to the thing."""
    return uuid.uuid4()


class TenantRow(models.Model):
    """A tenant-owned row without an identity of its own: joins and written-down results.

    A subclass names its own `pk = models.CompositePrimaryKey("tenant_id", …)`, and its `topics`: what shoppers'
    answers made of its rows depend on (`commerce.db.topics`), or NOT_SHOWN.
    """

    topics: ClassVar[Topics]

    tenant_id = TenantField()

    class Meta:
        abstract = True


class TenantModel(TenantRow):
    """A tenant-owned object. Its database key is (tenant_id, id); every UPDATE raises `version`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.BigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class WithMetadata(models.Model):
    """Free key–value pairs (text to text) of an object: public ones, and ones for staff and apps."""

    metadata = models.JSONField(default=dict, blank=True)
    private_metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True


class TenantMigration(models.Model):
    """A tenant for whom a RunPerTenant operation has been committed."""

    operation = models.CharField(max_length=200)
    tenant_number = models.IntegerField()
    finished_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "tenant_migration"
        constraints = [models.UniqueConstraint(fields=["operation", "tenant_number"], name="tenant_migration_once")]

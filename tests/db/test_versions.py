"""Every UPDATE raises the version of its row by one, whichever way it comes."""

from copy import copy
from datetime import timedelta

import pytest
from django.db import connection, models

from catalog.models import Category
from commerce.db.scope import tenant_scope
from tests.factories.catalog import make_category
from tests.factories.rows import load_every_model, tenant_models
from tests.factories.tenants import open_shop

VERSIONED = [model for model in tenant_models() if any(f.name == "version" for f in model._meta.local_fields)]


@pytest.fixture
def category(tenant):
    with tenant_scope(tenant.id):
        yield make_category()


def _raw(category):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_category SET name = 'x' WHERE id = %s", [category.id])


def _upsert(category):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_category SELECT * FROM catalog_category WHERE id = %s "
            "ON CONFLICT (tenant_id, id) DO UPDATE SET name = 'x'",
            [category.id],
        )


def _stale_save(category):
    assert category.version == 1
    copy(category).save()


def _lying(category):
    Category.objects.filter(id=category.id).update(version=1_000)


@pytest.mark.parametrize(
    "change",
    [
        lambda category: category.save(),
        lambda category: category.save(update_fields=["name"]),
        lambda category: Category.objects.filter(id=category.id).update(name="x"),
        lambda category: Category.objects.filter(id=category.id).update(position=models.F("position") + 1),
        lambda category: Category.objects.bulk_update([category], ["name"]),
        lambda category: Category.objects.update_or_create(id=category.id, defaults={"name": "x"}),
        _raw,
        _upsert,
        _stale_save,
        _lying,
    ],
)
def test_each_way_to_change_a_row_raises_its_version_by_one(change, category):
    for expected in (2, 3):
        change(category)
        assert Category.objects.get(id=category.id).version == expected


def test_an_old_copy_does_not_bring_an_old_version_back(category):
    old = Category.objects.get(id=category.id)
    for _ in range(3):
        Category.objects.filter(id=category.id).update(name="x")
    old.save()
    assert Category.objects.get(id=category.id).version == 5


def test_another_row_keeps_its_version(category):
    other = make_category("Other")
    category.save()
    other.refresh_from_db()
    assert other.version == 1


def test_the_time_of_change_moves_without_the_orm(category):
    _raw(category)
    changed = Category.objects.get(id=category.id)
    assert timedelta(0) < changed.updated_at - category.updated_at < timedelta(minutes=1)
    assert changed.created_at == category.created_at


@pytest.fixture(scope="module")
def loaded(_database):
    return load_every_model(open_shop())


@pytest.mark.parametrize("model", VERSIONED, ids=lambda model: model._meta.label)
def test_every_object_has_a_version(model, loaded):
    with tenant_scope(loaded.id), connection.cursor() as cursor:
        before = dict(model._base_manager.values_list("id", "version"))
        cursor.execute(f'UPDATE "{model._meta.db_table}" SET tenant_id = tenant_id')
        assert dict(model._base_manager.values_list("id", "version")) == {
            key: version + 1 for key, version in before.items()
        }
    assert before

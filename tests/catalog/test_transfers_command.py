"""Imports and exports as jobs, by the command."""

import json
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from catalog import tasks  # noqa: F401  they know the jobs
from catalog.models import Export, Import, Product
from commerce.db.scope import tenant_scope
from commerce.jobs import jobs

MAPPING = "product_type: Thing\nproduct: {external_reference: id, name: name}\nprices: [{column: price, unit: major}]\n"


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    """Have nobody but the test take jobs up."""
    monkeypatch.setattr(jobs, "wake", lambda *named: None)


@pytest.fixture
def command(tenant):
    def run(*arguments) -> str:
        out = StringIO()
        call_command("transfers", *map(str, arguments), "--tenant", tenant.slug, stdout=out)
        return out.getvalue()

    return run


def work(shop, model):
    with tenant_scope(shop.id):
        one = model.objects.latest("id")
    jobs.run(shop.id, one.job_id)
    return one.id


def test_a_file_is_imported_and_its_refused_rows_fetched(tenant, command, tmp_path):
    (tmp_path / "a.csv").write_text("id,name,price\n1,Cup,5\n2,Bowl,x\n")
    (tmp_path / "m.yaml").write_text(MAPPING)
    said = command("import", tmp_path / "a.csv", "--format", "mapping", "--mapping", tmp_path / "m.yaml")
    assert "import of a.csv: queued" in said
    id_ = work(tenant, Import)
    shown = command("show", id_)
    assert "finished, 2 of 2" in shown
    assert "1 created, 0 changed, 0 left as they are, 1 rows refused" in shown
    command("fetch", id_, tmp_path / "refused.csv")
    assert (tmp_path / "refused.csv").read_text().splitlines()[1].startswith("2,Bowl,x,")


def test_a_catalogue_is_exported_and_imported_elsewhere(tenant, command, tmp_path):
    lines = [{"object": "product-type", "slug": "thing", "name": "Thing"}]
    lines.append({"object": "product", "slug": "cup", "name": "Cup", "product_type": "thing"})
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command("import", tmp_path / "a.jsonl", "--format", "catalogue")
    work(tenant, Import)
    with tenant_scope(tenant.id):
        assert Product.objects.get().name == "Cup"
    command("export", "--format", "catalogue")
    command("fetch", work(tenant, Export), tmp_path / "out.jsonl.gz")
    assert (tmp_path / "out.jsonl.gz").stat().st_size > 0
    listed = command("list")
    assert "import of a.jsonl: finished, 2 of 2" in listed
    assert "export of catalogue-" in listed


def test_imports_are_paused_gone_on_with_and_cancelled(tenant, command, tmp_path):
    (tmp_path / "a.csv").write_text("Handle,Title\na,A\n")
    id_ = command("import", tmp_path / "a.csv", "--format", "shopify").partition(":")[0]
    assert "paused" in command("pause", id_)
    assert "queued" in command("resume", id_)
    assert "cancelled" in command("cancel", id_)
    with pytest.raises(CommandError, match="nothing to go on with"):
        command("resume", id_)
    id_ = command("export", "--format", "shopify").partition(":")[0]
    with pytest.raises(CommandError, match="one snapshot"):
        command("pause", id_)
    assert "cancelled" in command("cancel", id_)


def test_what_is_wrong_is_told(tenant, command, tmp_path):
    with pytest.raises(CommandError, match="There is no export"):
        command("show", uuid4())
    with pytest.raises(CommandError, match="cannot be read"):
        command("import", tmp_path / "none.csv", "--format", "shopify")
    (tmp_path / "a.csv").write_text("Handle,Title\na,A\n")
    with pytest.raises(CommandError, match="needs the `mapping`"):
        command("import", tmp_path / "a.csv", "--format", "mapping")
    id_ = command("export", "--format", "shopify").partition(":")[0]
    with pytest.raises(CommandError, match="no such file"):
        command("fetch", id_, tmp_path / "x")

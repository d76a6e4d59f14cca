"""Each contract between the packages is seen to break by the import that it forbids."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("commerce", "tenants", "catalog", "pricing", "checkout")

BREAKS = [
    ("Call down, publish up", "tenants/queries.py", "import catalog.values"),
    ("Call down, publish up", "commerce/db/routing.py", "import commerce.outbox"),
    ("The catalogue's models are its own", "commerce/wsgi.py", "import catalog.models"),
    ("The tenants' models are their own", "catalog/values.py", "import tenants.models"),
    ("The outbox's models are its own", "catalog/values.py", "import commerce.outbox.models"),
    ("Inside an app: doors, operations, queries, models", "catalog/queries/rows.py", "import catalog.operations"),
    ("Domain code never imports a door", "catalog/operations/stock.py", "import graphene"),
    ("Money is pure, and the stack needs no Django", "commerce/money.py", "import django"),
]


def _lint(folder: Path) -> str:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([*command, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the packages and their contracts."""
    folder = tmp_path_factory.mktemp("contracts")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize(("contract", "place", "forbidden"), BREAKS)
def test_contract_breaks_on_the_import_it_forbids(tree, contract, place, forbidden):
    file = tree / place
    text = file.read_text()
    file.write_text(f"{text}\n{forbidden}\n")
    try:
        assert f"{contract} BROKEN" in _lint(tree)
    finally:
        file.write_text(text)

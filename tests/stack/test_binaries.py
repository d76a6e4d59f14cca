import os

import pytest

from commerce.stack import binaries
from commerce.stack.errors import StackError


def test_wheels_hold_a_postgres_that_is_new_enough_and_a_redis():
    found = binaries.find_postgres("wheels")
    assert (found.source, found.major >= 15) == ("wheels", True)
    assert os.access(binaries.find_redis("wheels").program, os.X_OK)


def test_data_of_another_version_is_refused_with_the_remedy():
    with pytest.raises(StackError, match=r"made by PostgreSQL 9, but only .* is here.* make reset"):
        binaries.find_postgres("wheels", major=9)


def test_unknown_source_is_refused(stack_command, stack_directory):
    done = stack_command("up", "--only", "redis", directory=stack_directory, STACK_BINARIES="brew")
    assert done.returncode == 1
    assert done.stderr.endswith("stack: STACK_BINARIES=brew is unknown: use system or wheels.\n")


def test_missing_program_names_its_remedy(stack_command, stack_directory):
    done = stack_command("up", "--only", "redis", directory=stack_directory, STACK_BINARIES="system", PATH="/nowhere")
    assert done.returncode == 1
    assert "No redis-server found (system). Install one (apt-get install redis-server)" in done.stderr


def test_copy_of_a_wheel_has_its_libraries_beside_it(tmp_path):
    program = tmp_path / "my venv" / "site-packages" / "server" / "bin" / "postgres"
    for path in (program, program.parents[2] / "server.libs" / "libpq.so"):
        path.parent.mkdir(parents=True)
        path.write_text(path.name)
    copy = binaries.copy_of_wheel(program, tmp_path / "the store")
    assert copy == tmp_path / "the store" / "server" / "bin" / "postgres"
    assert copy.read_text() == "postgres"
    assert (tmp_path / "the store" / "server.libs" / "libpq.so").read_text() == "libpq.so"
    assert binaries.copy_of_wheel(program, tmp_path / "the store") == copy

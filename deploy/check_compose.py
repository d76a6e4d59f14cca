# ruff: noqa: T201  printing is its job
"""Check docker-compose.yml without Docker, for CI: `python deploy/check_compose.py [FILE]`.

What the format allows is asked of the official schema (the package check-jsonschema carries it) and of
`docker compose config` or podman-compose, where they are installed; the last line says which were. What this
project asks beyond the format is checked here: no literal secrets, least credentials, hardened services, health
checks.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent
VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?:(:-|:\?)([^}]*))?\}|\$")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$")
URL_PASSWORD = re.compile(r"://[^/@:]*:(?P<password>[^/@]*)@")
# Which service may hold which key to the database; every other database address is for all.
HOLDERS = {
    "DATABASE_ADMIN_URL": {"migrate"},
    "DATABASE_OWNER_URL": {"migrate"},
    "DATABASE_PLATFORM_URL": {"migrate", "operator"},
    "DATABASE_RELAY_URL": {"migrate", "relay", "webhooks"},
    "ADMIN_PASSWORD": {"primary"},
    "REPLICATION_PASSWORD": {"primary", "standby"},
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
ONE_SHOT = "service_completed_successfully"
Service = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Print every complaint with its place; return 1 if there is one."""
    path = Path(arguments[0]) if arguments else PROJECT / "docker-compose.yml"
    try:
        document = yaml.safe_load(path.read_text())
        services: dict[str, Service] = document["services"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        print(f"{path}: not a compose file: {error}")
        return 1
    complaints = [*variables(document), *volumes_and_networks(document)]
    for name, service in services.items():
        complaints += [f"services.{name}: {complaint}" for complaint in service_complaints(name, service, services)]
    asked, answers = official(path, document)
    complaints += answers
    for complaint in complaints:
        print(f"{path.name}: {complaint}")
    others = " and by ".join(asked) or "nobody else (install check-jsonschema for the official schema)"
    print(f"{path.name}: {len(services)} services, {len(complaints)} complaints; checked by us and by {others}")
    return 1 if complaints else 0


def service_complaints(name: str, service: Service, services: dict[str, Service]) -> Iterator[str]:
    """Yield what is wrong with one service."""
    if not ("image" in service or "build" in service):
        yield "has neither an image nor a build"
    for other, terms in dependencies(service).items():
        condition = terms.get("condition", "service_started")
        if other not in services:
            yield f"depends on {other!r}, which does not exist"
        elif condition not in CONDITIONS:
            yield f"depends on {other} by the unknown condition {condition!r}"
        elif condition == "service_healthy" and not has_healthcheck(services[other]):
            yield f"waits until {other} is healthy, which has no health check"
    runs_on = service.get("restart") not in (None, "no")
    if runs_on and not has_healthcheck(service):
        yield "has no health check"
    waited_for = any(dependencies(other).get(name, {}).get("condition") == ONE_SHOT for other in services.values())
    if waited_for and runs_on:
        yield "is waited for to complete, but restarts"
    yield from hardening(service)
    yield from secrets(name, service)


def hardening(service: Service) -> Iterator[str]:
    """Yield what a service may do and need not."""
    if service.get("read_only") is not True:
        yield "has a root file system that can be written to (read_only: true)"
    if service.get("cap_drop") != ["ALL"] or "cap_add" in service:
        yield "has capabilities (cap_drop: [ALL])"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "may gain privileges (security_opt: no-new-privileges:true)"
    if service.get("privileged") or service.get("user") in ("root", 0, "0"):
        yield "runs with root's rights"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"publishes {port} to the world: begin with 127.0.0.1:"


def secrets(name: str, service: Service) -> Iterator[str]:
    """Yield secrets that stand in the file, have a default, or are in the wrong hands."""
    environment = service.get("environment", {})
    if not isinstance(environment, dict):
        yield "environment: write it as a mapping"
        return
    for key, raw in environment.items():
        value = "" if raw is None else str(raw)
        if key in HOLDERS and name not in HOLDERS[key]:
            yield f"must not know {key}: that is for {', '.join(sorted(HOLDERS[key]))}"
        password = URL_PASSWORD.search(value)
        secret = password["password"] if password else value if SECRET.search(key) else None
        if secret is not None and not re.fullmatch(r"\$\{\w+:\?[^}]*\}", secret):
            yield f"environment.{key} holds a literal secret, or a default for one: use ${{NAME:?}}"


def variables(node: object, path: str = "") -> Iterator[str]:
    """Yield every variable that has neither a default nor `:?`, wherever it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from variables(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from variables(value, f"{path}[{number}]")
    elif isinstance(node, str):
        for match in VARIABLE.finditer(node):
            if match[0] != "$$" and not match[2]:
                yield f"{path}: {node!r}: write ${{NAME:-default}}, ${{NAME:?}} or $$"


def volumes_and_networks(document: dict[str, Any]) -> Iterator[str]:
    """Yield names that are used and not declared, and files that are mounted and do not exist."""
    for name, service in document["services"].items():
        for network in service.get("networks", {}):
            if network not in document.get("networks", {}):
                yield f"services.{name}: the network {network!r} is not declared"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                if not (PROJECT / source).exists():
                    yield f"services.{name}: mounts {source}, which does not exist"
            elif source not in document.get("volumes", {}):
                yield f"services.{name}: the volume {source!r} is not declared"
        build = service.get("build")
        if build and not (PROJECT / build["context"] / build["dockerfile"]).is_file():
            yield f"services.{name}: there is no {build['dockerfile']} to build"


def official(path: Path, document: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Ask the validators that are installed; return their names and what they say."""
    required = {match[1] for match in VARIABLE.finditer(str(document)) if match[2] == ":?"}
    environment = {**os.environ, **dict.fromkeys(required, "x")}
    checker = shutil.which("check-jsonschema", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
    commands = {}
    if checker:
        commands["the compose-spec schema"] = [checker, "--builtin-schema", "vendor.compose-spec", str(path)]
    if shutil.which("docker") and _run(["docker", "compose", "version"], environment)[0] == 0:
        commands["docker compose"] = ["docker", "compose", "-f", str(path), "config", "--quiet"]
    elif shutil.which("podman-compose") and shutil.which("podman"):
        commands["podman-compose"] = ["podman-compose", "-f", str(path), "config"]
    results = {name: _run(command, environment) for name, command in commands.items()}
    return list(results), [f"{name}: {output}" for name, (code, output) in results.items() if code]


def has_healthcheck(service: Service) -> bool:
    return bool(service.get("healthcheck", {}).get("test"))


def dependencies(service: Service) -> dict[str, dict[str, str]]:
    """Return what a service depends on, with its terms; the short form of a list has none."""
    raw = service.get("depends_on", {})
    return raw if isinstance(raw, dict) else {name: {} for name in raw}


def _run(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    return done.returncode, (done.stdout + done.stderr).strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

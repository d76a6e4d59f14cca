import os
from pathlib import Path

import redis

from commerce.stack import supervise
from commerce.stack.layout import Stack


def test_dead_process_is_reported_by_name_and_started_again_alone(redis_stack, stack_command):
    before = Stack(redis_stack).state.processes
    assert stack_command("kill", "cache", directory=redis_stack).returncode == 0
    status = stack_command("status", directory=redis_stack)
    assert status.returncode == 1
    assert f"cache died. The end of {redis_stack / 'logs' / 'cache.log'}:\n" in status.stderr
    assert "Ready to accept connections" in status.stderr
    assert "broker died" not in status.stderr

    assert stack_command("up", "--only", "redis", directory=redis_stack).returncode == 0
    after = Stack(redis_stack).state.processes
    assert after["broker"] == before["broker"]
    assert after["cache"].identity != before["cache"].identity
    assert stack_command("status", directory=redis_stack).returncode == 0


def test_second_start_finds_the_first(redis_stack, stack_command):
    before = Stack(redis_stack).state.processes
    done = stack_command("up", "--only", "redis", directory=redis_stack)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "The stack is already running.")
    assert Stack(redis_stack).state.processes == before


def test_process_that_dies_at_its_start_is_reported_with_the_end_of_its_log(stack_command, stack_directory, tmp_path):
    fake = tmp_path / "bin" / "redis-server"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nfor n in $(seq 30); do echo line $n; done\necho it broke\nexit 1\n")
    for path in (fake, *(path for path in fake.parents if "pytest-of" in str(path))):
        path.chmod(0o755)
    environment = {"STACK_BINARIES": "system", "PATH": f"{fake.parent}:/usr/bin:/bin"}
    done = stack_command("up", "--only", "cache", directory=stack_directory, **environment)
    assert done.returncode == 1
    assert "stack: cache died. The end of " in done.stderr
    assert done.stderr.endswith("    line 30\n    it broke\n")
    assert "    line 12\n" in done.stderr
    assert "    line 11\n" not in done.stderr


def test_cache_evicts_and_broker_does_not(redis_stack):
    stack = Stack(redis_stack)
    found = {}
    for name in ("cache", "broker"):
        with redis.Redis.from_url(stack.redis_url(name), decode_responses=True) as client:
            keys = ("maxmemory", "maxmemory-policy", "appendonly", "save")  # Redis 6 takes one at a time
            found[name] = tuple(client.config_get(key)[key] for key in keys)
    assert found == {
        "cache": (str(256 * 1024 * 1024), "allkeys-lru", "no", ""),
        "broker": ("0", "noeviction", "yes", ""),
    }


def test_no_process_knows_more_than_it_needs(whole_stack):
    known = {}
    for name in ("web", "worker", "webhooks", "bulk", "relay", "beat"):
        pid = whole_stack.state.processes[name].identity.pid
        entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        known[name] = {entry.split("=", 1)[0] for entry in entries if "postgresql://" in entry}
        assert "COMMERCE_ENV_FILE=" in entries
    everybody = {"DATABASE_URL", "REPLICA_URL"}
    assert known == {
        "web": everybody,
        "worker": everybody,
        "bulk": everybody,
        "webhooks": {*everybody, "DATABASE_RELAY_URL"},
        "relay": {*everybody, "DATABASE_RELAY_URL"},
        "beat": everybody,
    }


def test_no_secret_is_in_a_log_or_a_command_line(whole_stack):
    texts = {str(path): path.read_text() for path in (whole_stack.directory / "logs").iterdir()}
    for name, record in whole_stack.state.processes.items():
        texts[name] = Path(f"/proc/{record.identity.pid}/cmdline").read_text()
    assert len(texts) > 10
    secrets = whole_stack.state.secrets
    assert [(place, name) for place, text in texts.items() for name in secrets if secrets[name] in text] == []


def test_whole_stack_is_healthy(whole_stack, stack_command):
    assert set(whole_stack.state.processes) >= {"primary", "standby", "cache", "broker", "web"}
    done = stack_command("status", directory=os.environ["COMMERCE_STACK_DIR"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert supervise.died(whole_stack) == []


def test_unknown_process_is_refused_by_name(stack_command, stack_directory):
    for arguments in (["start", "kafka"], ["up", "--only", "kafka"]):
        done = stack_command(*arguments, directory=stack_directory)
        assert done.returncode == 1
        assert done.stderr.startswith("stack: Unknown process 'kafka': choose among ")


def test_log_of_nothing_is_a_clear_error(stack_command, stack_directory):
    done = stack_command("logs", directory=stack_directory)
    assert (done.returncode, done.stderr.startswith("stack: No log of any process in ")) == (1, True)

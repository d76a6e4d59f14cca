"""The two Redis: one that forgets what it must (the cache), and one that forgets nothing (the broker)."""

import contextlib
import os

import redis

from commerce.stack.layout import Stack
from commerce.stack.processes import Command

CACHE = {"maxmemory": "256mb", "maxmemory-policy": "allkeys-lru", "appendonly": "no"}
BROKER = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"}


def cache_command(stack: Stack) -> Command:
    """Return the command that runs the evicting Redis."""
    return _command(stack, "cache", CACHE)


def broker_command(stack: Stack) -> Command:
    """Return the command that runs the Redis of the task queue."""
    return _command(stack, "broker", BROKER)


def is_healthy(stack: Stack, name: str) -> bool:
    """Say whether this Redis answers, and with our password: one of another stack would refuse it."""
    timeouts = {"socket_connect_timeout": 2, "socket_timeout": 2}
    with contextlib.closing(redis.Redis.from_url(stack.redis_url(name), **timeouts)) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _command(stack: Stack, name: str, more: dict[str, str]) -> Command:
    directory = stack.data / name
    if not directory.exists():
        directory.mkdir(mode=0o700)
        stack.own(directory)
    settings = {
        "bind": "127.0.0.1",
        "port": str(stack.state.ports[name]),
        "protected-mode": "yes",
        "requirepass": stack.state.secrets["redis"],
        "dir": _quoted(str(directory)),
        "daemonize": "no",
        "save": '""',
        **more,
    }
    configuration = stack.configuration / f"{name}.conf"
    return Command(
        arguments=[str(stack.redis.program), str(configuration)],
        environment={"PATH": os.defpath, "LANG": "C.UTF-8"},
        directory=directory.parent,
        account=stack.account,
        files={configuration: "".join(f"{key} {value}\n" for key, value in settings.items())},
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from commerce.cache import keys, primary, versions
from commerce.cache.client import RedisUnavailable, patient_redis


class Command(BaseCommand):
    help = "Look at the kept answers, or outdate those of one tenant."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        clear = actions.add_parser("clear", help="outdate everything that is kept for a tenant")
        clear.add_argument("--tenant", required=True, metavar="SLUG")
        actions.add_parser("status", help="show the state of Redis, and changes whose writers have not finished")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            if action == "clear":
                self._clear(options["tenant"])
            else:
                self._status()
        except RedisUnavailable as error:
            raise CommandError(f"The Redis of REDIS_CACHE_URL does not do it: {error}") from error

    def _clear(self, slug: str) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT id FROM tenants_tenant WHERE slug = %s", [slug])
            row = cursor.fetchone()
        if row is None:
            raise CommandError(f"There is no tenant {slug!r}: `manage.py tenant list` shows them.")
        was_any = versions.outdate_all(row[0])
        self.stdout.write(f"Outdated all answers of {slug}." if was_any else f"Nothing is kept for {slug}.")

    def _status(self) -> None:
        marks = keys.marks_key(primary.system_id(connections["default"]))
        info: dict[str, Any] = patient_redis().ask(lambda client: client.info())
        oldest: list[Any] = patient_redis().ask(lambda client: client.zrange(marks, 0, 0, withscores=True))
        count = patient_redis().ask(lambda client: client.zcard(marks))
        self.stdout.write(f"answers        {'kept' if settings.RESPONSE_CACHE else 'not kept (RESPONSE_CACHE=0)'}")
        self.stdout.write(f"redis          {info['redis_version']}, {info['maxmemory_policy']}")
        self.stdout.write(f"memory         {info['used_memory_human']} of {info['maxmemory_human']}")
        self.stdout.write(f"evicted keys   {info['evicted_keys']}")
        age = f", the oldest for {time.time() - oldest[0][1]:.1f} s" if oldest else ""
        self.stdout.write(f"open changes   {count}{age}")

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils.module_loading import autodiscover_modules

from commerce.outbox import debts
from commerce.outbox.claims import ALIAS
from commerce.outbox.relay import Relay


class Command(BaseCommand):
    help = "Deliver committed events to their subscribers (as the relay's role), until SIGTERM or SIGINT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="deliver what is due, then exit")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        if ALIAS not in connections:
            raise CommandError("DATABASE_RELAY_URL is not set: only the relay's role sees the events of all tenants.")
        autodiscover_modules("subscribers")
        relay = Relay()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        if once:
            debts.settle_once()
            self.stdout.write(f"relay finished {relay.drain()} events")
        else:
            with debts.settling_marks():
                relay.run(on_ready=lambda: self._say("relay is ready"))
            self._say("relay has stopped")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

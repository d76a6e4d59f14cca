import logging
import os
import signal
import threading
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils.module_loading import autodiscover_modules

from commerce.db.tenants import RELAY
from commerce.observability import metrics
from commerce.outbox import debts, queries
from commerce.outbox.heartbeats import Pulse
from commerce.outbox.relay import Relay

logger = logging.getLogger("commerce.outbox.relay")


class Command(BaseCommand):
    help = "Deliver committed events to their subscribers (as the relay's role), until SIGTERM or SIGINT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "verb",
            nargs="?",
            choices=["run", "status"],
            default="run",
            help="status: show the relays, and how far they are behind",
        )
        parser.add_argument("--once", action="store_true", help="deliver what is due, then exit")

    def handle(self, *args: Any, verb: str, once: bool, **options: Any) -> None:
        if RELAY not in connections:
            raise CommandError("DATABASE_RELAY_URL is not set: only the relay's role sees the events of all tenants.")
        if verb == "status":
            self._status()
        else:
            self._run(once=once)

    def _run(self, *, once: bool) -> None:
        autodiscover_modules("subscribers")
        relay = Relay()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _stop(relay))
        if once:
            debts.settle_once()
            self.stdout.write(f"relay finished {relay.drain()} events")
            return
        metrics.serve()
        pulse = Pulse()
        with debts.settling_marks():
            relay.run(on_ready=lambda: self._say("relay is ready"), on_turn=pulse.beat)
        pulse.end()
        self._say("relay has stopped")

    def _status(self) -> None:
        relays, lag = queries.list_relays(), queries.measure_lag()
        for relay in relays:
            state = "SILENT for" if relay.is_silent else "seen before"
            self.stdout.write(
                f"{relay.name}: {state} {_seconds(relay.age)} s, {relay.finished} events in {_seconds(relay.ran)} s"
            )
        if not any(not relay.is_silent for relay in relays):
            self.stdout.write("NO RELAY LIVES: start `manage.py relay`.")
        if lag is None or lag.oldest is None:
            self.stdout.write("nothing is due")
            return
        more = "or more " if lag.due >= queries.MOST_COUNTED else ""
        self.stdout.write(f"{lag.due} events {more}are due, the oldest for {_seconds(lag.oldest.age)} s")
        for tenant in lag.worst:
            self.stdout.write(f"  {tenant.slug}: {tenant.due} events, the oldest for {_seconds(tenant.age)} s")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _stop(relay: Relay) -> None:
    """Have the relay finish its batch; end the process should that take too long, as the next one begins it anew."""
    timer = threading.Timer(settings.RELAY_STOP_PATIENCE, _give_up)
    timer.daemon = True
    timer.start()
    relay.stop()


def _give_up() -> None:
    logger.error("The batch at hand takes too long: it is left to the next relay.")
    logging.shutdown()
    os._exit(1)


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():.1f}"

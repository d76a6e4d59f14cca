"""The relay as a process of the tests' own."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

from tests.outbox.conftest import PROJECT, wait_until


class Process:
    """`manage.py relay` with the recorder as its subscriber."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.record, self.log = folder / "record", folder / f"log-{uuid4().hex[:6]}"
        self.record.touch()
        with self.log.open("w") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "manage.py", "relay", *arguments],
                cwd=PROJECT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "tests.outbox.settings",
                    "RECORDER_FILE": str(self.record),
                    **environment,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def recorded(self) -> list[UUID]:
        """Return the ids of the delivered events, in order, twice if delivered twice."""
        return [UUID(line.split()[0]) for line in self.record.read_text().splitlines()]

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str) -> None:
        wait_until(lambda: words in self.said() or self.popen.poll() is not None, what=words)
        assert words in self.said()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(60)

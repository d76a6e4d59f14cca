"""Amazon's services, as far as our own use of them goes, by a server on this machine."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commerce.stack import ports
from tests.outbox.conftest import wait_until

REGION = "eu-central-1"
SECRET = "a-secret-of-tests"


@contextmanager
def running(folder: Path) -> Iterator[int]:
    """Run a server that speaks S3 and SQS, and writes its log into the folder; gives its port."""
    port = ports.choose(ports.candidates(0, scattered=True))
    log = folder / "log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        wait_until(lambda: "Running on" in log.read_text(), what="moto")
        yield port
    finally:
        server.kill()
        server.wait()

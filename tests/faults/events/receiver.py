"""The receiver, a process: `python -m tests.faults.events.receiver <log>`. It prints its address.

It writes a line of JSON for each request before it answers. It takes its time, so that a worker that is killed has some
in its hands, and refuses one request in a hundred (503), so that retries are part of what is tried.
"""

import json
import random
import sys
import threading
import time
from pathlib import Path

from tests.webhooks.receiver import Received, Receiver

REFUSED = 0.01
TAKES = 0.15  # seconds at most


def main(log: Path) -> None:
    """Receive until killed."""
    lock = threading.Lock()
    file = log.open("a")

    def answer(received: Received) -> int:
        told, status = received.json, 503 if random.random() < REFUSED else 200
        line = {
            "at": time.time(),
            "hook": received.path,
            "id": received.event_id,
            "type": told["type"],
            "kind": told["object"]["kind"],
            "object": told["object"]["id"],
            "version": told["object"]["version"],
            "facts": told["facts"],
            "is_accepted": status == 200,
        }
        with lock:
            file.write(json.dumps(line) + "\n")
            file.flush()
            opened.received.clear()
        time.sleep(random.uniform(0, TAKES))
        return status

    opened = Receiver(answer)
    sys.stdout.write(f"{opened.url}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A subscriber that writes a line per event to the file RECORDER_FILE, slowly enough to be killed in between."""

import os
import time

from commerce import outbox

if os.environ.get("RECORDER_BROKEN"):
    raise RuntimeError("This subscriber cannot even be imported.")


def record(event: outbox.EventRecord) -> None:
    time.sleep(float(os.environ.get("RECORDER_SLEEP", "0")))
    with open(os.environ["RECORDER_FILE"], "a") as file:
        file.write(f"{event.id} {event.object_id} {event.object_version}\n")


outbox.subscribe("recorded.*", record)

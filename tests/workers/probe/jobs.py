"""Jobs that count, and write each step down."""

import os
import time

from commerce.jobs import jobs
from commerce.jobs.jobs import Running
from tests.workers.probe.tasks import _write


@jobs.handler("test.count")
def count(job: Running) -> None:
    """Count to `to`, and kill the process once at `die_at`."""
    path = job.arguments["path"]
    for number in range(job.state.get("next", 0), job.arguments["to"]):
        with job.step(done=1, state={"next": number + 1}, message=f"counted {number}"):
            time.sleep(job.arguments.get("seconds", 0))
            if number == job.arguments.get("die_at") and not os.path.exists(f"{path}.died"):
                open(f"{path}.died", "w").close()
                os.kill(os.getpid(), 9)
        _write(path, did="counted", number=number)


@jobs.handler("test.fail")
def fail(job: Running) -> None:
    with job.step(done=1):
        raise ValueError("it went wrong")

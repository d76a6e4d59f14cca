"""Jobs that count, and write each step down."""

import os
import time

from django.db import connection

from commerce.jobs import jobs
from commerce.jobs.jobs import Running, TryLater
from tests.workers.probe.tasks import _write


@jobs.handler("test.count")
def count(job: Running) -> None:
    """Count to `to`, and kill the process once at `die_at`."""
    path = job.arguments["path"]
    _write(path, did="took")
    for number in range(job.state.get("next", 0), job.arguments["to"]):
        with job.step(done=1, state={"next": number + 1}, message=f"counted {number}"):
            time.sleep(job.arguments.get("seconds", 0))
            if seconds := job.arguments.get("sleep_in_sql"):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(%s)", [seconds])
            if number == job.arguments.get("die_at") and not os.path.exists(f"{path}.died"):
                open(f"{path}.died", "w").close()
                os.kill(os.getpid(), 9)
        _write(path, did="counted", number=number)


@jobs.handler("test.later")
def later(job: Running) -> None:
    """Take one step, and find the second one impossible for now."""
    _write(job.arguments["path"], did="later")
    if job.done:
        return
    with job.step(done=1):
        pass
    raise TryLater(job.arguments["seconds"], "nobody answers")


@jobs.handler("test.fail")
def fail(job: Running) -> None:
    with job.step(done=1):
        raise ValueError("it went wrong")

"""Which tasks there may be: every one names its tenant, or is listed as the platform's with a reason."""

from collections.abc import Iterator, Mapping
from typing import Any

from commerce.db.tasks import TenantWork
from commerce.jobs.queues import QUEUES, name_of
from commerce.jobs.schedule import Every


def faults(app: Any, platform_tasks: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the tasks of a Celery app and with its schedule, each with the remedy.

    `platform_tasks` has the reason for each task that has no tenant, by the task's name.
    """
    app.autodiscover_tasks(force=True)
    tasks = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    for name, task in sorted(tasks.items()):
        queue = name_of(task)
        if queue not in QUEUES:
            yield f"{name} is for the queue {queue!r}, which no worker serves: name one of {', '.join(QUEUES)}."
        if isinstance(task, TenantWork):
            if name in platform_tasks:
                yield f"{name} names its tenant: take it out of PLATFORM_TASKS."
        elif not platform_tasks.get(name):
            yield f"{name} has no tenant: base it on TenantTask, or list it in PLATFORM_TASKS with the reason."
    yield from _faults_of_the_schedule(app.conf.beat_schedule, tasks)


def _faults_of_the_schedule(schedule: Mapping[str, Any], tasks: Mapping[str, Any]) -> Iterator[str]:
    for name, entry in schedule.items():
        if entry["task"] not in tasks:
            yield f"beat's entry {name!r} is for {entry['task']}, which does not exist."
        if not isinstance(entry["schedule"], Every):
            yield f"beat's entry {name!r} has no Every(…): two beats could not tell that they mean the same run."

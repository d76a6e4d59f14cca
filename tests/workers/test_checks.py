"""The check of tasks finds what breaks its rules."""

import pytest
from celery import Celery
from celery.schedules import crontab

from commerce import celery
from commerce.db.tasks import TenantTask, TenantWork
from commerce.jobs import queues
from commerce.jobs.checks import faults
from commerce.jobs.schedule import Every


def _scoped(*, tenant_id: int) -> None: ...


def _free() -> None: ...


@pytest.fixture
def app(monkeypatch):
    """Return a Celery app of its own, which knows no tasks of ours."""
    made = Celery("apart", set_as_current=False, task_cls="commerce.db.tasks:Work")
    made.conf.update(task_annotations=[queues.QueueLimits()], beat_schedule={})
    monkeypatch.setattr(made, "autodiscover_tasks", lambda **_: None)
    return made


def _found(app, **reasons: str) -> list[str]:
    return [fault for fault in faults(app, reasons) if not fault.startswith(("commerce.", "catalog.", "tests."))]


def test_the_project_has_none():
    assert [fault for fault in celery.check_tasks() if not str(fault.msg).startswith("tests.")] == []


def test_a_task_names_its_tenant_or_is_listed_with_a_reason(app):
    app.task(shared=False, name="scoped", base=TenantTask)(_scoped)
    app.task(shared=False, name="working", base=TenantWork)(_scoped)
    app.task(shared=False, name="free")(_free)
    assert _found(app) == ["free has no tenant: base it on TenantTask, or list it in PLATFORM_TASKS with the reason."]
    assert len(_found(app, free="")) == 1
    assert _found(app, free="for a test") == []
    assert _found(app, free="x", scoped="x") == ["scoped names its tenant: take it out of PLATFORM_TASKS."]


def test_a_task_is_for_a_queue_that_is_served(app):
    app.task(shared=False, name="lost", base=TenantTask, queue_name="nowhere")(_scoped)
    (fault,) = _found(app)
    assert fault.startswith("lost is for the queue 'nowhere'")


def test_the_schedule_has_slots_and_tasks_that_exist(app):
    app.conf.beat_schedule = {
        "vague": {"task": "gone", "schedule": crontab(minute="1")},
        "clear": {"task": "celery.ping", "schedule": Every(60)},
    }
    assert [fault.split(" is ")[0].split(" has ")[0] for fault in _found(app)] == [
        "beat's entry 'vague'",
        "beat's entry 'vague'",
        "beat's entry 'clear'",
    ]


def test_limits_are_those_of_the_queue_or_tighter(app):
    tighter = {"time_limit": 9, "soft_time_limit": 5}
    default = app.task(shared=False, name="default", base=TenantTask)(_scoped)
    bulk = app.task(shared=False, name="bulk", base=TenantTask, queue_name="bulk")(_scoped)
    tight = app.task(shared=False, name="tight", base=TenantTask, queue_name="bulk", **tighter)(_scoped)
    loose = app.task(shared=False, name="loose", base=TenantTask, time_limit=9999, soft_time_limit=9998)(_scoped)
    limits = [(task.soft_time_limit, task.time_limit) for task in (default, bulk, tight, loose)]
    assert limits == [(100, 120), (1740, 1800), (5, 9), (100, 120)]


def test_tasks_come_back_only_after_the_longest_has_ended():
    assert max(queue.hard for queue in queues.QUEUES.values()) < queues.VISIBILITY_TIMEOUT


def test_tasks_go_to_their_queues():
    tasks = {"commerce.outbox.tasks.prune": "bulk", "commerce.jobs.tasks.forget_workers": "default"}
    celery.app.loader.import_default_modules()
    for name, queue in tasks.items():
        options = celery.app.amqp.router.route({}, name, task_type=celery.app.tasks[name])
        assert options["queue"].name == queue
    asked = celery.app.amqp.router.route({"queue": "webhooks"}, name, task_type=celery.app.tasks[name])
    assert asked["queue"].name == "webhooks", "who asks for another queue gets it"

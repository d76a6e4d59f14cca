"""What a worker's tasks may take, what becomes of them when it ends, dies or loses its broker."""

from tests.outbox.conftest import new_event, publish
from tests.workers.conftest import until
from tests.workers.probe import tasks


def test_long_work_holds_up_nobody_else(tenant, start_worker, notes):
    path, read = notes
    start_worker("default,webhooks")
    start_worker("bulk")
    for _ in range(5):
        tasks.note_slowly.delay(tenant_id=tenant.id, path=path, seconds=300)
    until(lambda: len(read("begin")) == 1, "the first long task")
    for _ in range(10):
        tasks.note.delay(tenant_id=tenant.id, path=path)
        tasks.note_quickly.delay(tenant_id=tenant.id, path=path)
    until(lambda: len(read("end")) == 20, "the short ones")
    assert len(read("begin")) == 21, "the other long ones still wait"


def test_a_task_that_does_not_listen_is_killed_and_the_next_one_runs(tenant, start_worker, notes):
    path, read = notes
    worker = start_worker()
    tasks.hang.delay(tenant_id=tenant.id, path=path)
    tasks.note.delay(tenant_id=tenant.id, path=path)
    until(lambda: len(read("end")) == 1, "the next task")
    assert len(read("SoftTimeLimitExceeded")) == 1
    assert "Hard time limit (3s) exceeded" in worker.said()


def test_a_task_that_devours_memory_fails_and_the_process_goes_on(tenant, start_worker, notes):
    path, read = notes
    start_worker(WORKER_MEMORY_GROWTH="512")
    tasks.devour.delay(tenant_id=tenant.id, path=path)
    tasks.note.delay(tenant_id=tenant.id, path=path)
    until(lambda: len(read("end")) == 1, "the next task")
    assert [note["did"] for note in read()] == ["MemoryError", "begin", "end"]
    assert len({note["pid"] for note in read()}) == 1


def test_a_process_that_has_swollen_is_replaced_after_its_task(tenant, start_worker, notes):
    path, read = notes
    start_worker(WORKER_MEMORY="250")
    tasks.note.delay(tenant_id=tenant.id, path=path)
    tasks.swell.delay(tenant_id=tenant.id, path=path, mib=250)
    tasks.note.delay(tenant_id=tenant.id, path=path)
    until(lambda: len(read("end")) == 2, "the last task")
    before, swollen, after = (note["pid"] for note in read() if note["did"] != "end")
    assert before == swollen != after


def test_asked_to_end_a_worker_finishes_short_work_and_gives_the_rest_back(tenant, start_worker, notes):
    path, read = notes
    worker = start_worker(processes=2, WORKER_STOP_PATIENCE="6")
    tasks.note.delay(tenant_id=tenant.id, path=path, seconds=3)
    tasks.note.delay(tenant_id=tenant.id, path=path, seconds=90)
    until(lambda: len(read("begin")) == 2, "both")
    assert worker.stop() < 25
    assert len(read("end")) == 1, "the short one ended, the long one did not"

    start_worker()
    until(lambda: len(read("begin")) == 3, "the long one again")


def test_what_a_killed_worker_had_is_done_by_the_next_and_once_in_effect(tenant, start_worker, notes):
    path, read = notes
    (event,) = publish(tenant, new_event())
    options = {"tenant_id": tenant.id, "path": path, "event": str(event)}
    first = start_worker(BROKER_VISIBILITY_TIMEOUT="4")
    tasks.finish_once.delay(**options, seconds=2)
    until(lambda: len(read("begin")) == 1, "the task")
    first.kill()

    start_worker(BROKER_VISIBILITY_TIMEOUT="4")
    until(lambda: len(read("end")) >= 1, "the task again")
    tasks.finish_once.delay(**options, seconds=0)
    until(lambda: len(read("end")) >= 2, "a third time")
    assert [note["effect"] for note in read("end")].count(True) == 1


def test_a_broker_that_dies_and_comes_back_is_taken_up_again_with_what_it_had(tenant, broker, start_worker, notes):
    path, read = notes
    start_worker("default,webhooks", processes=2, BROKER_VISIBILITY_TIMEOUT="8")
    tasks.note.delay(tenant_id=tenant.id, path=path, seconds=3)
    until(lambda: len(read("begin")) == 1, "a task that runs meanwhile")
    for _ in range(5):
        tasks.note_slowly.delay(tenant_id=tenant.id, path=path, seconds=0)  # nobody serves them yet
    broker.kill()
    broker.start()
    tasks.note_quickly.delay(tenant_id=tenant.id, path=path)
    until(lambda: len(read("end")) >= 2, "the task that ran, once more, and a new one")
    start_worker("bulk", BROKER_VISIBILITY_TIMEOUT="8")
    until(lambda: len(read("end")) >= 7, "those that waited in the broker")

"""Print what sending and signing cost: `python -m tests.webhooks.measure`, in the environment of a stack.

The receiver is another process on the same machine, whose processor time is not counted.
"""

import multiprocessing
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

BODY = b'{"__typename": "ProductUpdated", "product": {"id": "UHJvZHVjdDox", "name": "Coat"}}' * 12
THREADS = 16
SENDS = 3000


def serve(port) -> None:
    from tests.webhooks.raw_receiver import OK, answering, receiver

    with receiver(answering(OK)) as there:
        there.requests = _Nothing()
        port.put(there.port)
        time.sleep(3600)


class _Nothing(list):
    def append(self, request) -> None:
        pass


def cost(what: str, number: int, run) -> None:
    """Run it and print the rate, and the processor time of each."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    sys.stdout.write(f"{what:55} {number / wall:8.0f}/s  {processor / number * 1000:7.3f} ms of CPU each\n")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "commerce.settings")
    os.environ["ENVIRONMENT"] = "test"
    import django

    django.setup()
    from commerce.webhooks import connections, signing
    from commerce.webhooks.sending import Outgoing, send

    started = time.process_time()
    made = signing.new_key()
    sys.stdout.write(f"a new key: {time.process_time() - started:.3f} s of CPU\n")
    started = time.process_time()
    signing.sign(BODY, made)
    sys.stdout.write(f"the first signature of a process: {(time.process_time() - started) * 1000:.2f} ms of CPU\n")
    cost("sign (1 KB)", 2000, lambda: [signing.sign(BODY, made) for _ in range(2000)])
    cost("sign with a secret (1 KB)", 2000, lambda: [signing.sign_with_secret(BODY, "secret") for _ in range(2000)])
    port = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port,), daemon=True)
    process.start()
    number = port.get()
    try:
        for host in ("127.0.0.1", "localhost"):
            request = Outgoing(f"http://{host}:{number}/hook", {"Content-Type": "application/json"}, BODY)
            _measure(f"send to {host}", lambda request=request: send(request))
        once = Outgoing(f"http://127.0.0.1:{number}/hook", {"Content-Type": "application/json"}, BODY, once=True)
        _measure("send over a new connection", lambda: send(once))
        request = Outgoing(f"http://localhost:{number}/hook", {}, BODY)
        _measure("sign and send to localhost", lambda: (signing.sign(BODY, made), send(request)))
        connections.pool.clear()
    finally:
        process.terminate()
        process.join()


def _measure(what: str, one) -> None:
    def over_threads() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda _: one(), range(SENDS)))

    cost(f"{what}, 1 thread", SENDS // 3, lambda: [one() for _ in range(SENDS // 3)])
    cost(f"{what}, {THREADS} threads", SENDS, over_threads)


if __name__ == "__main__":
    main()

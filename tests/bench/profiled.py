"""The web process with a profiler around each request: `gunicorn tests.bench.profiled:application`.

One worker with one thread. A request to DUMP writes what was profiled since the one before to the file that
BENCH_PROFILE names.
"""

import cProfile
import os
from collections.abc import Callable, Iterable
from time import thread_time
from typing import Any

from commerce.wsgi import application as project

DUMP = "/bench/profile"
_profile = cProfile.Profile(thread_time)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as the project does, and keep what that took."""
    global _profile
    if environ["PATH_INFO"] == DUMP:
        _profile.dump_stats(os.environ["BENCH_PROFILE"])
        _profile = cProfile.Profile(thread_time)
        start_response("204 No Content", [("Content-Length", "0")])
        return []
    return _profile.runcall(project, environ, start_response)

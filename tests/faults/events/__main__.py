"""`make faults`: rounds of kills under load on a stack of our own, then the figures."""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from commerce.stack.throwaway import KEPT_LOGS
from tests.faults.conftest import running_servers
from tests.faults.events import rounds
from tests.faults.events.cluster import Cluster


def main() -> int:
    """Run and print; 1 where something was lost, doubled or out of order."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.events", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--no-figures", action="store_true", help="do not print then what the way of events costs")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10_000)
    random.seed(seed)
    _say(f"seed {seed}")
    is_clean = False
    with running_servers() as servers, tempfile.TemporaryDirectory() as folder:
        servers.make_durable()
        try:
            with Cluster(servers, Path(folder)).up() as cluster:
                result = rounds.run(cluster, rounds=options.rounds, say=_say)
            is_clean = result.findings.is_clean
        finally:
            if not is_clean:
                shutil.copytree(servers.stack.directory / "logs", KEPT_LOGS, dirs_exist_ok=True)
                _say(f"The logs are in {KEPT_LOGS}.")
    _say(rounds.table(result))
    if not options.no_figures:
        stack = [sys.executable, "-m", "commerce.stack", "run", "--only", "postgres,redis,migrate", "--"]
        subprocess.run([*stack, sys.executable, "-m", "tests.faults.events.figures"], check=True)
    return 0 if is_clean else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""A process that is told to stop while it waits, at any moment of its waiting."""

import subprocess
import sys

import pytest

# Each round is told at another moment: before, in the midst of, and after a wait.
ROUNDS = """
import random, signal, sys, threading
from commerce.stopping import StopFlag
make = StopFlag if sys.argv[1] == "flag" else threading.Event
chance = random.Random(1)
def told(*_):
    flag.set()
signal.signal(signal.SIGALRM, told)
for _ in range(10_000):
    flag = make()
    signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 3e-4))
    while not flag.is_set():
        flag.wait(1e-5)
"""


def test_it_stops_whenever_it_is_told():
    subprocess.run([sys.executable, "-c", ROUNDS, "flag"], check=True, timeout=60)


def test_an_event_would_wait_for_itself():
    """Else the flag is of no use any more."""
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", ROUNDS, "event"], check=True, timeout=10)

import sys
from tests.bench import ground
from tests.bench.facts import FULL, QUICK
with ground.bench_stack() as stack:
    ground.prepare(stack, (QUICK if "q" in sys.argv else FULL).towns)

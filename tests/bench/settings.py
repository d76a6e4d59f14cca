"""Settings of the bench: those of the project, with one address more (tests/bench/urls.py)."""

import os

# Never the developer's own stack: the bench names its addresses itself.
os.environ.setdefault("COMMERCE_ENV_FILE", "")

from commerce.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"

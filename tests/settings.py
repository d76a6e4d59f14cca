"""Settings of the tests: those of the project, on the throw-away stack whose addresses are in the environment."""

import os
from pathlib import Path

from commerce.stack import throwaway

if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and (stacks := os.environ.pop(throwaway.ALL, "")):
    # One of several processes of pytest, gw0, gw1, …: each has a stack of its own.
    directory = stacks.split(os.pathsep)[int(worker.removeprefix("gw"))]
    os.environ.update(throwaway.environment(Path(directory)))

# Never the developer's own stack: only what `make test` (or an explicit COMMERCE_ENV_FILE) names.
os.environ.setdefault("COMMERCE_ENV_FILE", "")

from commerce import settings as project
from commerce.settings import *  # noqa: F403

ENVIRONMENT = "test"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# To break what only a superuser can break, inside a transaction that is rolled back.
_superuser = project._database("STACK_SUPERUSER_URL")
DATABASES = {**project.DATABASES, **({"superuser": _superuser} if _superuser else {})}

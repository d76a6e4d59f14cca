"""Settings of the workers and beats that these tests start: with tasks that write down what they do."""

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.workers.probe"]  # noqa: F405

"""Settings of the relays and workers that these tests start: with an app whose subscriber and tasks write down
what they see."""

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.outbox.recorder"]  # noqa: F405
# One of its tasks has no tenant, to show what it then sees.
SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "commerce.E010"]  # noqa: F405

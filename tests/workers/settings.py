"""Settings of the workers and beats that these tests start: with tasks that write down what they do."""

import os
from dataclasses import replace

from commerce.jobs import queues
from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.workers.probe"]  # noqa: F405

if limit := os.environ.get("BULK_SOFT_LIMIT"):  # one that a test need not wait half an hour for
    queues.QUEUES["bulk"] = replace(queues.QUEUES["bulk"], soft=int(limit))

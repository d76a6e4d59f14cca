"""What workers and beat say of themselves: no tenant's rows, written by the application."""

from django.db import models


class Worker(models.Model):
    """A worker that was seen at `seen_at`, by the database's clock, while it took tasks from `queues`.

    It takes its row away when it ends; one that was killed leaves it to grow old.
    """

    name = models.CharField(max_length=200, primary_key=True)
    queues = models.JSONField()
    process = models.IntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()


class Slot(models.Model):
    """The last time slot of an entry of beat's schedule that was sent: whoever raises it first sends the task."""

    entry = models.CharField(max_length=200, primary_key=True)
    starts_at = models.DateTimeField()

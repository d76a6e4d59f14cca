"""What workers and beat stand on: queues and their limits, heartbeats, the schedule, long jobs (docs/workers.md)."""

"""Settings of the web server, for the container and the local stack: see docs.gunicorn.org/en/stable/settings.html."""

import os
import tempfile

# Its workers count together.
if not os.environ.get("METRICS_DIR"):
    os.environ["METRICS_DIR"] = tempfile.mkdtemp(prefix="commerce-metrics-")

bind = os.environ.get("BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Threads share a worker's connections, and one waits for the database while another computes.
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "4"))
backlog = 512
# A load balancer keeps its connections longer than we do, unless told: ALB's default is 60 seconds.
keepalive = int(os.environ.get("WEB_KEEPALIVE", "75"))
timeout = 60
graceful_timeout = 25  # below the 30 seconds that orchestrators wait before they kill
max_requests = int(os.environ.get("WEB_MAX_REQUESTS", "10000"))
max_requests_jitter = 1000
# Nothing is written to disk, so that the root file system may be read-only.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
control_socket_disable = True
accesslog = None  # the application logs its requests, with the tenant
errorlog = "-"
# Which proxies are believed is the application's decision (TRUSTED_PROXIES), which knows tenants' hosts.
forwarded_allow_ips = ""
limit_request_line = 8190

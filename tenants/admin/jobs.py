"""The admin's page of long jobs: how far each has come, what went wrong, and stopping it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from commerce.errors import DomainError
from commerce.jobs import jobs
from commerce.jobs.models import Job
from tenants.admin.base import TenantAdmin
from tenants.admin.buttons import Buttons, badge
from tenants.admin.people import codes_of
from tenants.permissions import jobs_of

_BADGES = {"queued": "dull", "running": "warn", "done": "good", "failed": "bad", "cancelled": "dull"}


@admin.register(Job)
class JobAdmin(Buttons, TenantAdmin):
    buttons = ("cancel",)
    change_form_template = "admin/jobs/job/change_form.html"
    list_display = ("created_at", "kind", "state_word", "progress", "told")
    list_filter = ("status",)
    search_fields = ("kind",)
    ordering = ("-created_at", "-id")
    actions = ("cancel_chosen",)
    fields = (
        "kind", "state_word", "progress", "message", "error", "tries", "created_at", "seen_at", "finished_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Leave out the jobs of a permission that who is signed in does not have."""
        found: QuerySet[Any] = super().get_queryset(request).filter(jobs_of(codes_of(request.user)))
        return found

    # --- What is shown ---------------------------------------------------------------------------------

    @admin.display(description="state", ordering="status")
    def state_word(self, job: Job) -> SafeString:
        word = "stopping" if job.is_cancel_asked and not job.finished_at else job.get_status_display().lower()
        return badge(_BADGES[job.status], word)

    @admin.display(description="progress")
    def progress(self, job: Job) -> SafeString | str:
        if job.total:
            percent = min(100, 100 * job.done // job.total)
            bar = '<progress max="100" value="{}"></progress> {}% ({} of {})'
            return format_html(bar, percent, percent, f"{job.done:,}", f"{job.total:,}")
        return f"{job.done:,}" if job.done else "-"

    @admin.display(description="message")
    def told(self, job: Job) -> str:
        return (job.error or job.message)[:200]

    # --- Who may what ----------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may_press(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_view_permission(request, obj)

    # --- Stopping --------------------------------------------------------------------------------------

    def cancel(self, request: HttpRequest, job: Job) -> str:
        """Have a job stop at its next step, or never begin."""
        jobs.cancel(job.pk)
        return "It stops at its next step." if job.status == Job.Status.RUNNING else "It is cancelled."

    @admin.action(description="Cancel the selected jobs", permissions=["view"])
    def cancel_chosen(self, request: HttpRequest, chosen: "QuerySet[Any]") -> None:
        cancelled = 0
        for job in chosen:
            try:
                self.cancel(request, job)
                cancelled += 1
            except DomainError as error:
                self.message_user(request, error.message, messages.ERROR)
        self.message_user(request, f"{cancelled} jobs are cancelled, or stop at their next step.")

"""The admin's pages of imports and exports: sending a file, watching its job, stopping it, getting its files."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog import transfers
from catalog.admin.base import actor
from catalog.exports import jobs as exports
from catalog.imports import jobs as imports
from catalog.models import Export, Import, ImportProblem
from catalog.transfers import Status
from commerce.errors import DomainError
from tenants import queries as tenants
from tenants.admin.base import TenantAdmin, TenantForm
from tenants.admin.buttons import Buttons, badge
from tenants.admin.people import codes_of

_BADGES = {
    Status.WAITING: "dull",
    Status.QUEUED: "dull",
    Status.RUNNING: "warn",
    Status.PAUSED: "warn",
    Status.FINISHED: "good",
    Status.FAILED: "bad",
    Status.CANCELLED: "dull",
}
# Which buttons there are in which state.
_STOPS = (Status.QUEUED, Status.RUNNING)
# Refused rows that are shown; the file has all.
MOST_SHOWN = 50


def _missing(user: Any, one: Any, format: str = "") -> list[str]:
    """Return the permissions that somebody lacks for files like this one, or of a format."""
    held = codes_of(user)
    return [code for _, code in transfers.needs(one, format) if code not in held]


class ChannelField(forms.ChoiceField):
    """One of the shop's channels, or none: its only one, or the default one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=self._channels, required=False, **options)

    @staticmethod
    def _channels() -> list[tuple[str, str]]:
        return [("", "The usual one"), *((one.slug, one.slug) for one in tenants.list_channels())]


class TransferForm(TenantForm):
    """A form whose object is made by an operation, as a job."""

    channel = ChannelField(help_text="For prices and publications of a CSV.")

    acting: Any = None

    def clean_format(self) -> str:
        """Refuse a format whose content the reader may not read or write piece by piece."""
        wanted = str(self.cleaned_data["format"])
        if missing := _missing(self.acting, self._meta.model, wanted):
            raise forms.ValidationError(f"You need {', '.join(missing)} for it.")
        return wanted

    def begin(self, page: TenantAdmin, request: HttpRequest) -> Any:
        """Start the job and return its row. Raises DomainError."""
        raise NotImplementedError

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        made = self.begin(page, request)
        self.instance.pk, self.instance.file_name = made.pk, made.file_name
        self.instance._state.adding = False


class ImportForm(TransferForm):
    upload = forms.FileField(label="File", help_text="May be compressed (.gz).", max_length=250)
    mapping = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14, "class": "vLargeTextField", "spellcheck": "false"}),
        help_text="For the format Mapping: YAML that says which column is what (docs/import).",
    )

    class Meta:
        model = Import
        fields = ("format", "channel", "mapping")

    def begin(self, page: TenantAdmin, request: HttpRequest) -> Import:
        tenant_id = request.tenant.id  # type: ignore[attr-defined]
        given, file = self.cleaned_data, self.cleaned_data["upload"]
        try:
            one = imports.create_import(
                tenant_id=tenant_id,
                format=given["format"],
                file_name=file.name,
                channel=given["channel"],
                mapping=given["mapping"].replace("\r\n", "\n") if given["mapping"].strip() else "",
                actor=actor(request),
                now=timezone.now(),
            )
            imports.put_file(one, file, tenant_id=tenant_id)
            return imports.start_import(one.id, tenant_id=tenant_id)
        except DomainError as error:
            known = {"file": "upload", "format": "format", "channel": "channel"}
            raise DomainError(error.message, field=known.get(error.field or "", "mapping")) from error


class ExportForm(TransferForm):
    class Meta:
        model = Export
        fields = ("format", "channel")

    def begin(self, page: TenantAdmin, request: HttpRequest) -> Export:
        given = self.cleaned_data
        return exports.start_export(
            format=given["format"], channel=given["channel"], actor=actor(request), now=timezone.now()
        )


class TransferAdmin(Buttons, TenantAdmin):
    """What the pages of imports and exports share."""

    change_form_template = "admin/catalog/transfer.html"
    list_display: tuple[str, ...] = ("file_name", "format", "state_word", "progress", "created_at")
    list_filter = ("format",)
    search_fields = ("file_name",)
    ordering = ("-id",)
    related: tuple[str, ...] = ("job",)
    # The column of the file that is to be had, and what its link says.
    download_column, download_label = "file", "Download"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        found: QuerySet[Any] = super().get_queryset(request).select_related(*self.related)
        return found

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    # --- What is shown ---------------------------------------------------------------------------------

    @admin.display(description="state")
    def state_word(self, one: Any) -> SafeString:
        status = transfers.status_of(one)
        return badge(_BADGES[status], "stopping" if transfers.is_stopping(one) else str(status))

    @admin.display(description="progress")
    def progress(self, one: Any) -> SafeString | str:
        done, total = transfers.progress_of(one)
        if not total:
            return "-"
        percent = min(100, 100 * done // total)
        bar = '<progress max="100" value="{}"></progress> {}% ({} of {})'
        return format_html(bar, percent, percent, f"{done:,}", f"{total:,}")

    @admin.display(description="file")
    def about_file(self, one: Any) -> str:
        return f"{one.file_name}, {filesizeformat(one.size)}" if one.size else one.file_name

    @admin.display(description="channel")
    def channel_word(self, one: Any) -> str:
        return one.channel or "-"

    @admin.display(description="error")
    def error_word(self, one: Any) -> str:
        return transfers.error_of(one) or "-"

    @admin.display(description="notes")
    def notes_shown(self, one: Any) -> SafeString | str:
        return format_html_join("", "<div>{}</div>", ((note,) for note in one.notes)) or "-"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form, which has one button."""
        context = {"show_save_and_add_another": False, "show_save_and_continue": False, **(extra_context or {})}
        found: HttpResponse = super().add_view(request, form_url, context)
        return found

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Lead to the page of what was started."""
        self.message_user(request, "It is started: this page shows how far it is.")
        return self._to_page(obj)

    def _to_page(self, obj: Any) -> HttpResponse:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[obj.pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show how far it is, anew every three seconds while it works."""
        one = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if one is not None:
            status = transfers.status_of(one)
            may = self.may_press(request, one) and not transfers.is_stopping(one)
            context |= {
                "is_working": status in _STOPS,
                "pressable": [name for name in self.buttons if may and status in self.states[name]],
                "has_file": bool(getattr(one, self.download_column)),
                "download_label": self.download_label,
            }
        found: HttpResponse = super().change_view(request, object_id, form_url, context)
        return found

    # In which states there is which button.
    states: "dict[str, tuple[Status, ...]]"

    # --- Who may what ----------------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and not (obj and _missing(request.user, obj))

    def may_press(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_add_permission(request) and self.has_view_permission(request, obj)

    # --- The file --------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_download"
        view = self.admin_site.admin_view(self.download)
        return [path("<path:object_id>/download/", view, name=name), *super().get_urls()]

    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the file, at an address that holds for some minutes."""
        one = self.get_object(request, object_id)
        if one is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_view_permission(request, one):
            raise PermissionDenied
        file = getattr(one, self.download_column)
        tenant_id = request.tenant.id  # type: ignore[attr-defined]
        try:
            found = transfers.make_download(
                file, tenant_id=tenant_id, file_name=str(file).rpartition("/")[2], now=timezone.now()
            )
        except DomainError as error:
            self.message_user(request, error.message, "ERROR")
            return self._to_page(one)
        answer = HttpResponseRedirect(found.url)
        answer["Cache-Control"] = "no-store"
        return answer


@admin.register(Import)
class ImportAdmin(TransferAdmin):
    form = ImportForm
    buttons = ("pause", "resume", "cancel")
    states = {
        "pause": _STOPS,
        "resume": (Status.PAUSED, Status.FAILED),
        "cancel": (*_STOPS, Status.PAUSED),
    }
    list_display = ("file_name", "format", "state_word", "progress", "counts", "created_at")
    related = ("job", "run")
    download_column, download_label = "corrections", "Download the refused rows"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("upload", "format", "channel", "mapping")
        shown = ["about_file", "format", "channel_word", "state_word", "progress", "counts", "error_word"]
        shown += ["notes_shown", "created_at", "expires_at"]
        return (*shown, "mapping", "problems") if obj.mapping else (*shown, "problems")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    @admin.display(description="products or lines")
    def counts(self, one: Import) -> str:
        run = one.run
        if run is None:
            return "-"
        return (
            f"{run.created_count:,} created, {run.changed_count:,} changed, {run.left_count:,} as they were, "
            f"{run.refused_count:,} rows refused"
        )

    @admin.display(description="refused rows")
    def problems(self, one: Import) -> SafeString | str:
        rows = ImportProblem.objects.filter(run_id=one.run_id).order_by("number") if one.run_id else ()
        found = list(rows[: MOST_SHOWN + 1])
        if not found:
            return "-"
        lines = ((row.line, row.column_name, row.reason) for row in found[:MOST_SHOWN])
        table = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", lines)
        more = format_html("<p>The file of refused rows has more.</p>") if len(found) > MOST_SHOWN else ""
        head = "<thead><tr><th>line</th><th>column</th><th>reason</th></tr></thead>"
        return format_html('<table class="problems">' + head + "<tbody>{}</tbody></table>{}", table, more)

    def pause(self, request: HttpRequest, one: Import) -> str:
        """Have an import stop after its batch."""
        imports.pause_import(one.pk)
        return "It pauses after the rows that it is at."

    def resume(self, request: HttpRequest, one: Import) -> str:
        """Go on with an import."""
        imports.resume_import(one.pk)
        return "It goes on after the last row that is in."

    def cancel(self, request: HttpRequest, one: Import) -> str:
        """Have an import stop after its batch for good."""
        imports.cancel_import(one.pk)
        return "It stops after the rows that it is at; what is in stays."


@admin.register(Export)
class ExportAdmin(TransferAdmin):
    form = ExportForm
    buttons = ("cancel",)
    states = {"cancel": _STOPS}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("format", "channel")
        return (
            "about_file", "format", "channel_word", "state_word", "progress", "error_word", "notes_shown", "created_at",
            "expires_at",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    def cancel(self, request: HttpRequest, one: Export) -> str:
        """Have an export stop."""
        exports.cancel_export(one.pk)
        return "It stops; there will be no file."

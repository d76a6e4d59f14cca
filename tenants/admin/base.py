"""What all pages of the admin have in common: writes by operations, refusals as form errors, the optimistic lock."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect, RelatedFieldWidgetWrapper
from django.db import DataError, OperationalError, models, transaction
from django.forms.models import BaseInlineFormSet, BaseModelFormSet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from commerce.db.models import TenantModel
from commerce.errors import DomainError
from commerce.storage import discard_files_on_error

STALE = (
    "Somebody changed this after you opened it, so nothing was saved. What you entered is still here: "
    "open the page in a second tab to see what it is now, and enter your changes there."
)


class Refused(Exception):
    """A write that the domain refused, and the prefix of the form that it came from (None: the page's own)."""

    def __init__(self, prefix: str | None, error: DomainError) -> None:
        super().__init__(error.message)
        self.prefix = prefix
        self.error = error


class VersionField(forms.IntegerField):
    """The version that an object had when its form was opened. Nobody enters it, so it makes no change."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that refuses to overwrite what changed since it was opened, and shows what an operation refused."""

    opened_version = VersionField(required=False)
    refused: Refused | None = None
    # Fields of rows beside the object's own, which `write` writes and which guard themselves.
    beside: frozenset[str] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["opened_version"] = self.version()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.instance._state.adding and self.row_changed() and cleaned.get("opened_version") != self.version():
            self.add_error(None, STALE)
        return cleaned

    def version(self) -> Any:
        """Return a number that is another one once somebody else has changed what the form shows."""
        return getattr(self.instance, "version", None)

    def row_changed(self) -> bool:
        """Return whether the object itself has to be written."""
        return self.instance._state.adding or bool(set(self.changed_data) - self.beside)

    def write(self, page: "TenantAdmin", request: HttpRequest) -> None:
        """Write the object by its page's operation if anything changed. Raises DomainError."""
        if self.row_changed():
            page.write(request, self.instance)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.refused is not None and self.refused.prefix == self.prefix:
            error = self.refused.error
            self.add_error(error.field if error.field in self.fields else None, error.message)


class _Autocomplete(AutocompleteSelect):
    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        """Show a page again that was sent with nonsense; Django's own fails to look it up."""
        return super().optgroups(name, [one for one in value if is_uuid(one)], attrs)


class PlainReferences(admin.options.BaseModelAdmin):  # type: ignore[type-arg]
    """Fields that refer to another object lead to its page, and have no buttons to change or delete it from here."""

    show_reference_link = True

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", _Autocomplete(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_add_related = field.widget.can_change_related = field.widget.can_delete_related = False
            field.widget.can_view_related = field.widget.can_view_related and self.show_reference_link
        return field


class GoneRows(BaseModelFormSet):  # type: ignore[type-arg]
    """Rows that say so when one of them was deleted meanwhile: Django puts that error at the hidden id, unseen."""

    def clean(self) -> None:
        super().clean()
        if any(self._pk_field.name in form.errors for form in self.initial_forms):  # type: ignore[attr-defined]
            raise forms.ValidationError("Somebody deleted one of these rows after you opened this page: open it anew.")


class Rows(GoneRows, BaseInlineFormSet):  # type: ignore[type-arg]
    pass


class Inline(PlainReferences, admin.options.InlineModelAdmin):  # type: ignore[type-arg]
    """Rows of another model on a page."""

    show_reference_link = False

    form = TenantForm
    formset = Rows
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.form.refused = getattr(request, "refused", None)
        return formset

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return _with_version(super().get_fieldsets(request, obj), self.has_change_permission(request, obj))


class Tabular(Inline, admin.TabularInline):  # type: ignore[type-arg]
    pass


class Stacked(Inline, admin.StackedInline):  # type: ignore[type-arg]
    pass


class TenantAdmin(PlainReferences, admin.ModelAdmin):  # type: ignore[type-arg]
    """Pages of one model. A subclass says how an object is written and erased."""

    form = TenantForm
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    # Deleting is one operation per object.
    most_deleted_at_once = 100

    class Media:
        css = {"all": ["tenants/admin.css"]}

    def write(self, request: HttpRequest, obj: Any) -> None:
        """Insert or update an object by its operation. Raises DomainError."""
        raise NotImplementedError

    def erase(self, request: HttpRequest, obj: Any) -> None:
        """Delete an object by its operation. Raises DomainError."""
        raise NotImplementedError

    def rows_to_lock(self, obj: Any) -> Iterable["models.QuerySet[Any]"]:
        """Return the rows that a POST to the object's page may write, in the order in which they are locked."""
        return [self.model._default_manager.filter(pk=obj.pk)]

    # --- Writing ---------------------------------------------------------------------------------------

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the object, its rows locked if they are about to be written: versions are compared under the lock."""
        obj = super().get_object(request, object_id, from_field)
        if obj is None or request.method != "POST" or hasattr(request, "refused"):
            return obj
        for rows in self.rows_to_lock(obj):
            list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk"))
        return super().get_object(request, object_id, from_field)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        try:
            form.write(self, request)
        except DomainError as error:
            raise Refused(form.prefix, error) from error

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        for obj in formset.deleted_objects:
            try:
                self.erase(request, obj)
            except DomainError as error:
                raise Refused(None, DomainError(f"{obj}: {error.message}", code=error.code)) from error
        touched = {id(obj) for obj in (*formset.new_objects, *(obj for obj, _ in formset.changed_objects))}
        for row in formset.forms:
            if id(row.instance) in touched:
                self.save_model(request, row.instance, row, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.erase(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.erase(request, obj)

    # --- Refusals --------------------------------------------------------------------------------------

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Show the page or save it; what was refused while saving is shown at its field, with all that was entered."""
        try:
            with discard_files_on_error():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except (Refused, DomainError, OperationalError, DataError) as error:
            if request.method != "POST":
                raise
            request.refused = _as_refused(error)  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except (DomainError, OperationalError) as error:
            if request.method != "POST":
                raise
            return self._refuse(request, error, "../change/")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except (DomainError, OperationalError) as error:
            if request.method != "POST":
                raise
            return self._refuse(request, error, request.get_full_path())

    def _refuse(self, request: HttpRequest, error: Exception, back: str) -> HttpResponseBase:
        self.message_user(request, _as_refused(error).error.message, messages.ERROR)
        return HttpResponseRedirect(back)

    # --- Forms -----------------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refused = getattr(request, "refused", None)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return _with_version(fieldsets, obj is not None and self.has_change_permission(request, obj))

    # --- Deleting --------------------------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what a deletion takes along as counts: Django's own lists every row, derived ones too."""
        chosen = list(objs[: self.most_deleted_at_once + 1])
        if len(chosen) > self.most_deleted_at_once:
            raise DomainError(f"Select {self.most_deleted_at_once} or fewer: each is deleted by itself.")
        counts = {self.opts.verbose_name_plural: len(chosen)}
        denied: set[Any] = set() if self.has_delete_permission(request) else {self.opts.verbose_name}
        protected: list[str] = []
        for relation in self.opts.related_objects:
            model = relation.related_model
            handler = relation.on_delete
            if handler not in (models.CASCADE, models.PROTECT) or not issubclass(model, TenantModel):
                continue
            count = model._base_manager.filter(**{f"{relation.field.name}__in": chosen}).count()
            if count and handler is models.PROTECT:
                protected.append(f"{count} {model._meta.verbose_name_plural}")
            elif count:
                counts[model._meta.verbose_name_plural] = count
                page = self.admin_site._registry.get(model)
                if page is not None and not page.has_delete_permission(request):
                    denied.add(model._meta.verbose_name)
        return [str(obj) for obj in chosen], counts, denied, protected


def is_uuid(text: Any) -> bool:
    """Return whether this can be the id of an object."""
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True


def _with_version(fieldsets: Any, editable: bool) -> Any:
    """Return fieldsets whose first one carries the version that the form was opened at."""
    if not editable:
        return fieldsets
    (title, options), *rest = fieldsets
    return [(title, {**options, "fields": [*options["fields"], "opened_version"]}), *rest]


def _as_refused(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case DomainError():
            return Refused(None, error)
        case DataError():
            return Refused(None, DomainError("A value is too large, or has characters that cannot be stored."))
    # lock_not_available, deadlock_detected; anything else of the kind (a lost connection) is no refusal
    if getattr(error.__cause__, "sqlstate", None) in ("55P03", "40P01"):
        busy = DomainError("Somebody else is saving this right now. Try again in a moment.", code="CONFLICT")
        return Refused(None, busy)
    raise error

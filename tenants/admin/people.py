"""Staff and their permission groups, for those who hold MANAGE_STAFF. Nobody gives or takes what they do not hold."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.password_validation import validate_password
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from commerce.errors import DomainError
from tenants import queries
from tenants.admin.base import TenantAdmin, TenantForm
from tenants.admin.writing import ShopAdmin
from tenants.models import GroupMember, PermissionGroup, User
from tenants.permissions import GRANTS


class NotYours(DomainError):
    """Somebody tried to change the rights of a person, or a group, with rights that they do not hold."""

    code = "OUT_OF_SCOPE_PERMISSION"


def codes_of(person: Any) -> frozenset[str]:
    """Return the dialect permissions of a person, read once per instance."""
    if not hasattr(person, "permission_codes"):
        person.permission_codes = frozenset(queries.list_permission_codes(person.pk))
    found: frozenset[str] = person.permission_codes
    return found


def _require_someone_who_manages_staff() -> None:
    groups = PermissionGroup.objects.filter(permissions__contains=["MANAGE_STAFF"])
    if not groups.filter(groupmember__user__is_active=True, groupmember__user__is_staff=True).exists():
        raise DomainError("Nobody could manage the staff afterwards: give that right to somebody else first.")


class StaffForm(TenantForm):
    """A staff member with their groups; `new_password` replaces the password where it is filled."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Left empty, the password stays as it is.",
    )
    groups = forms.ModelMultipleChoiceField(
        PermissionGroup.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )
    acting: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.fields["new_password"].required = True
            self.fields["new_password"].help_text = ""
            self.initial["groups"] = []
        else:
            members = GroupMember.objects.filter(user=self.instance)
            self.initial["groups"] = list(members.values_list("group_id", flat=True))

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        return email.strip().lower()

    def clean_is_active(self) -> bool:
        active: bool = self.cleaned_data["is_active"]
        if not active and self.instance.pk == self.acting.pk:
            raise forms.ValidationError("You cannot close your own account.")
        return active

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def clean_groups(self) -> Any:
        chosen = self.cleaned_data["groups"]
        before = set(self.initial["groups"])
        moved = {group.pk for group in chosen} ^ before
        for group in PermissionGroup.objects.filter(pk__in=moved):
            if not codes_of(self.acting).issuperset(group.permissions):
                raise forms.ValidationError(f"The group {group} has rights that you do not have.")
        return chosen

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        if not self.row_changed():
            return
        if self.instance._state.adding:
            self.instance.is_staff = self.instance.is_confirmed = True
        if self.cleaned_data["new_password"]:
            self.instance.set_password(self.cleaned_data["new_password"])
        page.write(request, self.instance)
        self._write_groups({group.pk for group in self.cleaned_data["groups"]})
        _require_someone_who_manages_staff()

    def _write_groups(self, wanted: set[UUID]) -> None:
        members = GroupMember.objects.filter(user=self.instance)
        members.exclude(group_id__in=wanted).delete()
        for group_id in wanted - set(members.values_list("group_id", flat=True)):
            GroupMember.objects.create(group_id=group_id, user=self.instance)


@admin.register(User)
class StaffAdmin(ShopAdmin):
    form = StaffForm
    event_kind, event_word = "User", "staff"
    last_known = ("email", "first_name", "last_name", "is_staff", "is_active")
    list_display = ("email", "first_name", "last_name", "is_active", "last_login")
    list_filter = ("is_active",)
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    readonly_fields = ("last_login",)
    fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "language", "is_active", "last_login")}),
        ("Rights", {"fields": ("groups", "new_password")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Staff alone: customers are no part of this page."""
        return super().get_queryset(request).filter(is_staff=True)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or _covers(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or _covers(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        shown, counts, denied, protected = super().get_deleted_objects(objs, request)
        entries = LogEntry.objects.filter(user__in=list(objs)).count()
        if entries:
            protected.append(f"{entries} entries of the history: make the account inactive instead")
        return shown, counts, denied, protected

    def erase(self, request: HttpRequest, obj: Any) -> None:
        if obj.pk == request.user.pk:
            raise DomainError("You cannot delete your own account.")
        if not _covers(request, obj):
            raise NotYours(f"{obj} has rights that you do not have.")
        if LogEntry.objects.filter(user=obj).exists():
            raise DomainError(f"{obj} stands in the history of this shop: make the account inactive instead.")
        super().erase(request, obj)
        _require_someone_who_manages_staff()


class GroupForm(TenantForm):
    permissions = forms.MultipleChoiceField(
        choices=[(code, code.replace("_", " ").capitalize()) for code in GRANTS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    acting: Any = None

    def clean_permissions(self) -> list[str]:
        chosen = self.cleaned_data["permissions"]
        excess = set(chosen) - codes_of(self.acting)
        if excess:
            raise forms.ValidationError(f"You do not have these rights yourself: {', '.join(sorted(excess))}.")
        return sorted(chosen)

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        super().write(page, request)
        _require_someone_who_manages_staff()


@admin.register(PermissionGroup)
class PermissionGroupAdmin(ShopAdmin):
    form = GroupForm
    event_kind, event_word = "Group", "permission_group"
    last_known = ("name", "permissions")
    list_display = ("name", "rights", "members")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "permissions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).annotate(member_count=Count("groupmember__user_id"))
        return found

    @admin.display(description="rights")
    def rights(self, group: PermissionGroup) -> int:
        return len(group.permissions)

    @admin.display(description="members", ordering="member_count")
    def members(self, group: Any) -> int:
        count: int = group.member_count
        return count

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        mine = obj is None or codes_of(request.user).issuperset(obj.permissions)
        return super().has_change_permission(request, obj) and mine

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        mine = obj is None or codes_of(request.user).issuperset(obj.permissions)
        return super().has_delete_permission(request, obj) and mine

    def erase(self, request: HttpRequest, obj: Any) -> None:
        if not codes_of(request.user).issuperset(obj.permissions):
            raise NotYours(f"The group {obj} has rights that you do not have.")
        super().erase(request, obj)
        _require_someone_who_manages_staff()


def _covers(request: HttpRequest, person: User) -> bool:
    return codes_of(request.user) >= codes_of(person)

"""Buttons beside a form that do one thing to its object, and states as coloured words."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from commerce.errors import DomainError


def badge(kind: str, text: str) -> SafeString:
    """Return a state as a coloured word; `kind` is good, warn, bad or dull."""
    return format_html('<span class="badge badge-{}">{}</span>', kind, text)


class Buttons:
    """Adds pages to a ModelAdmin that do one thing to one object by POST, and lead back to its page.

    `buttons` are names of methods `do(request, obj) -> str`, which return what is told.
    """

    buttons: tuple[str, ...] = ()

    def get_urls(self) -> list[Any]:
        """Return the pages of the model, and one of each button."""
        page: Any = self
        made = [
            path(
                f"<path:object_id>/{name}/", page.admin_site.admin_view(page.pressed(name)), name=page.button_name(name)
            )
            for name in self.buttons
        ]
        return [*made, *super().get_urls()]  # type: ignore[misc]

    def button_name(self, name: str) -> str:
        """Return the name of a button's address."""
        page: Any = self
        return f"{page.opts.app_label}_{page.opts.model_name}_{name}"

    def may_press(self, request: HttpRequest, obj: Any) -> bool:
        """Return whether who is signed in may do these things to an object."""
        page: Any = self
        allowed: bool = page.has_change_permission(request, obj)
        return allowed

    def pressed(self, name: str) -> Callable[..., HttpResponseBase]:
        """Return the view of a button."""
        page: Any = self

        def view(request: HttpRequest, object_id: str) -> HttpResponseBase:
            obj = page.get_object(request, object_id)
            if obj is None:
                return page._get_obj_does_not_exist_redirect(request, page.opts, object_id)  # type: ignore[no-any-return]
            if not page.may_press(request, obj):
                raise PermissionDenied
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            try:
                page.message_user(request, getattr(page, name)(request, obj), messages.SUCCESS)
            except DomainError as error:
                page.message_user(request, error.message, messages.ERROR)
            back = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_change", args=[obj.pk])
            return HttpResponseRedirect(back)

        return view

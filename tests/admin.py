"""The admin as staff use it: sign in, read a page's form, send it back changed."""

from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from commerce.db.scope import tenant_scope
from tenants.models import GroupMember, PermissionGroup, User
from tests.factories.tenants import PASSWORD, Shop, make_customer

LOGIN = "/admin/login/"


def sign_in(shop: Shop, *, permissions: Iterable[str] | None = None, email: str | None = None, **options) -> Client:
    """Return a client at the shop's host, signed in as staff with these permissions (default: full access)."""
    with tenant_scope(shop.id):
        user = User.objects.filter(email=email or "").first() or make_customer(
            email=email or f"staff{User.objects.count()}@{shop.token}.example", is_staff=True
        )
        if not GroupMember.objects.filter(user=user).exists():
            GroupMember.objects.create(user=user, group=_group(permissions))
    client = Client(headers={"host": shop.host}, **options)
    response = client.post(f"{LOGIN}?next=/admin/", {"username": user.email, "password": PASSWORD})
    assert response.status_code == 302, response.content.decode()
    client.user = user
    return client


def _group(permissions: Iterable[str] | None) -> PermissionGroup:
    if permissions is None:
        return PermissionGroup.objects.get(name="Full access")
    codes = sorted(permissions)
    return PermissionGroup.objects.get_or_create(name=" ".join(codes) or "Nothing", defaults={"permissions": codes})[0]


def page(obj: Any, name: str = "change") -> str:
    """Return the address of a page: of an object, or (add, changelist) of its model."""
    meta = obj._meta
    arguments = [obj.pk] if name in ("change", "delete", "history") else []
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=arguments)


def read_form(response: Any) -> dict[str, Any]:
    """Return what a browser would send back from the page's form, files and template rows left out."""
    parser = _Form()
    parser.feed(response.content.decode())
    return {name: value for name, value in parser.values.items() if "__prefix__" not in name}


def errors(response: Any) -> str:
    """Return all errors shown on a page."""
    parser = _Errors()
    parser.feed(response.content.decode())
    return " ".join(parser.words)


def send(client: Client, address: str, changes: dict[str, Any], *, page_of: Any = None) -> Any:
    """Read the form of a page (or take an earlier `page_of`), change some fields, and send it."""
    form = read_form(page_of if page_of is not None else client.get(address))
    return client.post(address, {**form, **changes, "_save": "Save"})


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        self.inside = False
        self.text: str | None = None
        self.select: tuple[str, bool] | None = None

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        name = given.get("name", "")
        if tag == "form":
            self.inside = given.get("id", "").endswith("_form")
        if not self.inside or "disabled" in given:
            return
        match tag:
            case "input" if name and given.get("type") not in ("submit", "file"):
                if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                    self._add(name, given.get("value") or ("on" if given.get("type") == "checkbox" else ""))
            case "textarea":
                self.text, self.values[name] = name, ""
            case "select":
                self.select = (name, "multiple" in given)
                if "multiple" not in given:
                    self.values[name] = ""
            case "option" if self.select is not None and "selected" in given:
                self._add(self.select[0], given.get("value", ""), many=self.select[1])

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.text is not None:
            # the line break after the opening tag is no part of the text (HTML standard 13.1.2.5)
            self.values[self.text] = self.values[self.text].removeprefix("\n")
            self.text = None
        elif tag == "select":
            self.select = None
        elif tag == "form":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.values[self.text] += data

    def _add(self, name: str, value: str, *, many: bool = False) -> None:
        if many or (name in self.values and self.values[name] != ""):
            before = self.values.get(name, [])
            self.values[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            self.values[name] = value


class _Errors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if self.depth or (tag in ("ul", "li") and {"errorlist", "error"} & set(classes)):
            self.depth += tag in ("ul", "li")

    def handle_endtag(self, tag: str) -> None:
        if self.depth:
            self.depth -= tag in ("ul", "li")

    def handle_data(self, data: str) -> None:
        if self.depth and data.strip():
            self.words.append(data.strip())

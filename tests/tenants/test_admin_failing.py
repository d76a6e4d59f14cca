"""A view of the admin that writes and then fails leaves nothing behind."""

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import include, path
from django.utils import timezone

from catalog import operations
from catalog.admin import ProductAdmin
from catalog.models import Product
from commerce.db.scope import tenant_scope
from commerce.outbox.models import Event
from tenants.models import Session
from tests.admin import page, read_form, sign_in
from tests.factories.catalog import make_product

HOOKS: list = []


def write_all(request) -> None:
    """Change a product with its event and listing, the session, the history, a file, and what commits last."""
    product = Product.objects.get()
    product.name = "written"
    operations.save(product, now=timezone.now())
    request.session["written"] = "yes"
    LogEntry.objects.log_actions(request.user.pk, [product], 2, "written", single_object=True)
    default_storage.save("products/written.txt", ContentFile(b"written"))
    transaction.on_commit(lambda: HOOKS.append("committed"))


def raising(request):
    write_all(request)
    raise ZeroDivisionError


def answering_500(request):
    write_all(request)
    return HttpResponse("broken", status=500)


def answering_503(request):
    write_all(request)
    return HttpResponse("later", status=503)


def missing(request):
    write_all(request)
    raise Http404


def forbidden(request):
    write_all(request)
    raise PermissionDenied


def failing_to_render(request):
    write_all(request)
    return TemplateResponse(request, "admin/there-is-no-such-template.html")


def breaking_the_transaction(request):
    write_all(request)
    Product.objects.raw("SELECT 1/0 AS id")[0]


def succeeding(request):
    write_all(request)
    return HttpResponse("done")


def bare(request):
    return HttpResponse("reached")


VIEWS = (
    raising,
    answering_500,
    answering_503,
    missing,
    forbidden,
    failing_to_render,
    breaking_the_transaction,
    succeeding,
)
urlpatterns = [
    *(path(f"admin/{view.__name__}/", admin.site.admin_view(view)) for view in VIEWS),
    path("admin/bare/", bare),
    path("", include("commerce.urls")),
]


@pytest.fixture
def shop(tenant, settings, tmp_path):
    settings.ROOT_URLCONF = __name__
    settings.MEDIA_ROOT = str(tmp_path)
    HOOKS.clear()
    with tenant_scope(tenant.id):
        make_product("as it was")
    return tenant


def left_behind(shop, root):
    """Return what of `write_all` can be seen afterwards."""
    with tenant_scope(shop.id):
        session = Session.objects.get()
        return {
            "name": Product.objects.get().name == "written",
            "event": Event.objects.filter(type="catalog.product.updated").exists(),
            "session": "written" in session.get_decoded(),
            "history": LogEntry.objects.exists(),
            "file": any(path.is_file() for path in root.rglob("*")),
            "commit hooks": bool(HOOKS),
        }


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (raising, 500),
        (answering_500, 500),
        (answering_503, 503),
        (missing, 404),
        (forbidden, 403),
        (failing_to_render, 500),
        (breaking_the_transaction, 500),
    ],
)
def test_a_view_that_writes_and_then_fails_leaves_nothing_behind(shop, tmp_path, view, status, caplog):
    client = sign_in(shop, raise_request_exception=False)
    assert client.get(f"/admin/{view.__name__}/").status_code == status
    assert not any(left_behind(shop, tmp_path).values()), left_behind(shop, tmp_path)
    assert client.get("/admin/").status_code == 200, "the session from before is still good"


def test_a_view_that_succeeds_leaves_it_all(shop, tmp_path):
    assert sign_in(shop).get("/admin/succeeding/").status_code == 200
    assert all(left_behind(shop, tmp_path).values()), left_behind(shop, tmp_path)


def test_a_page_that_fails_after_saving_leaves_nothing_behind(shop, monkeypatch):
    """The same of a real page: the product's own, whose last step, the answer, fails."""
    client = sign_in(shop, raise_request_exception=False)
    with tenant_scope(shop.id):
        address = page(Product.objects.get())
    form = read_form(client.get(address))

    def fail(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(ProductAdmin, "response_change", fail)
    assert client.post(address, {**form, "name": "written", "_save": "Save"}).status_code == 500
    with tenant_scope(shop.id):
        assert Product.objects.get().name == "as it was"
        assert not LogEntry.objects.exists()
        assert not Event.objects.exists()


def test_a_view_without_decorators_is_guarded_against_forged_posts(shop):
    """Django's own admin views guard themselves as well; this one has the middleware alone."""
    client = sign_in(shop)
    forger = Client(headers={"host": shop.host}, enforce_csrf_checks=True)
    forger.cookies["session"] = client.cookies["session"].value
    assert forger.post("/admin/bare/").status_code == 403
    forger.get("/admin/password_change/")
    token = forger.cookies["csrftoken"].value
    assert forger.post("/admin/bare/", {"csrfmiddlewaretoken": token}).content == b"reached"

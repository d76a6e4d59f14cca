"""Staff, permission groups and channels in the admin."""

import pytest
from django.contrib.admin.models import LogEntry

from commerce.db.scope import tenant_scope
from commerce.outbox.models import Event
from tenants.models import Channel, GroupMember, PermissionGroup, Session, User
from tests.admin import LOGIN, errors, page, read_form, send, sign_in
from tests.factories.tenants import PASSWORD, make_customer, make_staff


@pytest.fixture
def client(tenant):
    return sign_in(tenant)


def group(name: str) -> PermissionGroup:
    return PermissionGroup.objects.get(name=name)


def test_a_colleague_is_added_and_signs_in(tenant, client, client_for):
    with tenant_scope(tenant.id):
        products = PermissionGroup.objects.create(name="Products", permissions=["MANAGE_PRODUCTS"])
    form = read_form(client.get(page(User, "add")))
    sent = {**form, "email": "Bob@Shop.example", "new_password": PASSWORD, "groups": [str(products.id)]}
    assert "too short" in errors(client.post(page(User, "add"), {**sent, "new_password": "short"}))
    assert "required" in errors(client.post(page(User, "add"), {**sent, "new_password": ""}))
    assert client.post(page(User, "add"), sent).status_code == 302
    with tenant_scope(tenant.id):
        bob = User.objects.get(email="bob@shop.example")
        assert (bob.is_staff, bob.is_confirmed) == (True, True)
        assert Event.objects.get().type == "tenants.staff.created"
    answer = client_for(tenant).post(f"{LOGIN}?next=/admin/", {"username": bob.email, "password": PASSWORD})
    assert answer.status_code == 302
    assert "There is another user with this email" in errors(client.post(page(User, "add"), sent))


def test_customers_are_not_among_the_staff(tenant, client):
    with tenant_scope(tenant.id):
        customer = make_customer(email="carl@shop.example")
    assert "carl@shop.example" not in client.get(page(User, "changelist")).content.decode()
    assert client.get(page(customer)).status_code == 302


def test_a_new_password_replaces_the_old_one_and_ends_its_sessions(tenant, client):
    colleague = sign_in(tenant, email="bob@shop.example")
    user = colleague.user
    assert send(client, page(user), {"first_name": "Bob"}).status_code == 302
    assert colleague.get("/admin/").status_code == 200, "an empty field leaves it as it is"
    assert send(client, page(user), {"new_password": "another correct horse"}).status_code == 302
    assert colleague.get("/admin/").status_code == 302
    with tenant_scope(tenant.id):
        user.refresh_from_db()
        assert user.check_password("another correct horse")


def test_nobody_closes_or_deletes_their_own_account(tenant, client):
    form = read_form(client.get(page(client.user)))
    form.pop("is_active")
    assert "You cannot close your own account." in errors(client.post(page(client.user), form))
    client.post(page(client.user, "delete"), {"post": "yes"})
    with tenant_scope(tenant.id):
        assert User.objects.get(pk=client.user.pk).is_active


def test_nobody_gives_rights_that_they_do_not_hold(tenant):
    client = sign_in(tenant, permissions=["MANAGE_STAFF"])
    with tenant_scope(tenant.id):
        full = group("Full access")
    answer = send(client, page(client.user), {"groups": [str(full.id)]})
    assert "Full access has rights that you do not have" in errors(answer)
    form = read_form(client.get(page(PermissionGroup, "add")))
    answer = client.post(page(PermissionGroup, "add"), {**form, "name": "Mine", "permissions": ["MANAGE_CHANNELS"]})
    assert "You do not have these rights yourself: MANAGE_CHANNELS." in errors(answer)
    assert client.post(page(full), {"name": "Taken over"}).status_code == 403
    assert client.post(page(full, "delete"), {"post": "yes"}).status_code == 403
    with tenant_scope(tenant.id):
        assert set(PermissionGroup.objects.values_list("name", flat=True)) == {"Full access", "MANAGE_STAFF"}
        assert GroupMember.objects.get(user=client.user).group.name == "MANAGE_STAFF"


def test_nobody_takes_over_an_account_with_more_rights(tenant):
    with tenant_scope(tenant.id):
        owner = make_staff(email="owner@shop.example")
    client = sign_in(tenant, permissions=["MANAGE_STAFF"])
    assert client.get(page(owner)).status_code == 200
    assert client.post(page(owner), {"email": owner.email, "new_password": "another correct horse"}).status_code == 403
    assert client.post(page(owner, "delete"), {"post": "yes"}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": [str(owner.id)], "post": "yes"}
    answer = client.post(page(User, "changelist"), form, follow=True)
    assert "has rights that you do not have" in answer.content.decode()
    with tenant_scope(tenant.id):
        assert User.objects.get(pk=owner.pk).check_password(PASSWORD)


def test_somebody_keeps_the_right_to_manage_staff(tenant, client):
    with tenant_scope(tenant.id):
        full = group("Full access")
    answer = send(client, page(full), {"permissions": ["MANAGE_PRODUCTS"]})
    assert "Nobody could manage the staff afterwards" in errors(answer)
    answer = send(client, page(client.user), {"groups": []})
    assert "Nobody could manage the staff afterwards" in errors(answer)
    client.post(page(full, "delete"), {"post": "yes"})
    with tenant_scope(tenant.id):
        assert "MANAGE_STAFF" in group("Full access").permissions
        assert GroupMember.objects.filter(user=client.user).exists()


def test_who_stands_in_the_history_is_not_deleted(tenant, client):
    colleague = sign_in(tenant, email="bob@shop.example")
    with tenant_scope(tenant.id):
        fresh = make_staff(email="new@shop.example")
    assert send(colleague, page(tenant.channel), {"name": "Web"}).status_code == 302
    assert "make the account inactive instead" in client.get(page(colleague.user, "delete")).content.decode()
    client.post(page(colleague.user, "delete"), {"post": "yes"})
    assert client.post(page(fresh, "delete"), {"post": "yes"}).status_code == 302
    with tenant_scope(tenant.id):
        assert User.objects.filter(pk=colleague.user.pk).exists()
        assert not User.objects.filter(pk=fresh.pk).exists()
        assert LogEntry.objects.filter(user=colleague.user).count() == 1


def test_own_password_is_changed(tenant, client):
    new = {"new_password1": "another correct horse", "new_password2": "another correct horse"}
    answer = client.post("/admin/password_change/", {"old_password": PASSWORD, **new})
    assert answer.status_code == 302
    assert client.get("/admin/").status_code == 200, "this session stays"
    with tenant_scope(tenant.id):
        assert User.objects.get(pk=client.user.pk).check_password("another correct horse")
        assert Session.objects.count() == 1


def test_a_channel_is_added_with_clean_codes_and_keeps_its_currency(tenant, client):
    form = read_form(client.get(page(Channel, "add")))
    sent = {
        **form,
        "name": "Benelux",
        "slug": "benelux",
        "currency": "eur",
        "countries": "nl, be,nl",
        "default_country": "nl",
        "languages": "nl_be, fr",
    }
    for name, wrong, message in (
        ("currency", "XYZ", "is not a currency"),
        ("countries", "Utopia", "no country code"),
        ("countries", " , ", "required"),
        ("languages", "klingonish", "no language"),
        ("default_country", "ZZZ", "at most 2"),
        ("slug", tenant.channel.slug, "There is another channel with this slug"),
    ):
        assert message in errors(client.post(page(Channel, "add"), {**sent, name: wrong})), name
    assert client.post(page(Channel, "add"), sent).status_code == 302
    with tenant_scope(tenant.id):
        made = Channel.objects.get(slug="benelux")
        assert (made.currency, made.countries, made.default_country) == ("EUR", ["NL", "BE"], "NL")
        assert made.languages == ["nl-BE", "fr"]
    assert "currency" not in read_form(client.get(page(made)))
    assert send(client, page(made), {"currency": "USD", "name": "BeNeLux"}).status_code == 302
    with tenant_scope(tenant.id):
        made.refresh_from_db()
        assert (made.currency, made.name) == ("EUR", "BeNeLux")


def test_metadata_are_pairs_of_text(tenant, client):
    assert send(client, page(tenant.channel), {"metadata": '{"a": "b"}'}).status_code == 302
    for wrong in ('{"a": 1}', "[]", "{", '{"a": "\\u0000"}'):
        assert errors(send(client, page(tenant.channel), {"metadata": wrong})), wrong
    assert read_form(client.get(page(tenant.channel)))["metadata"] == '{"a": "b"}'
    assert send(client, page(tenant.channel), {"metadata": ""}).status_code == 302
    with tenant_scope(tenant.id):
        assert Channel.objects.get().metadata == {}

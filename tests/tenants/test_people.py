"""People belong to one tenant: the same address at two shops is two people."""

import pytest
from django.apps import apps
from django.contrib.auth import authenticate
from django.db import IntegrityError

from commerce.db.scope import ScopeError, tenant_scope
from commerce.errors import DomainError
from tenants import queries
from tenants.models import User
from tenants.operations import create_staff
from tenants.permissions import GRANTS, admin_permissions
from tests.factories.tenants import PASSWORD, make_customer, make_staff

EMAIL = "ada@example.com"
OTHER = "another long password"


@pytest.fixture
def two(tenant, other_tenant):
    with tenant_scope(tenant.id):
        make_customer(email=EMAIL)
    with tenant_scope(other_tenant.id):
        make_customer(email=EMAIL, password=OTHER)
    return tenant, other_tenant


def sign_in(shop, password: str, email: str = EMAIL) -> User | None:
    with tenant_scope(shop.id):
        return authenticate(None, username=email, password=password)


def test_the_same_address_has_an_account_at_each_shop(two):
    ours, theirs = sign_in(two[0], PASSWORD), sign_in(two[1], OTHER)
    assert ours is not None
    assert theirs is not None
    assert (ours.tenant_id, theirs.tenant_id) == (two[0].id, two[1].id)
    assert ours.id != theirs.id


def test_a_password_opens_only_the_own_shop(two):
    assert sign_in(two[1], PASSWORD) is None
    assert sign_in(two[0], OTHER) is None


def test_an_account_of_one_shop_is_unknown_at_another(two):
    with tenant_scope(two[0].id):
        user = User.objects.get()
    with tenant_scope(two[1].id):
        assert queries.get_active_user(user.id) is None
    with tenant_scope(two[0].id):
        assert queries.get_active_user(user.id) == user


def test_an_address_is_unique_in_a_shop_whatever_its_case(tenant):
    with tenant_scope(tenant.id):
        make_staff(email="Ada@Example.com ")
        with pytest.raises(DomainError, match=r"ada@example\.com has an account here"):
            create_staff(email=" ADA@example.com", password=PASSWORD)
        assert User.objects.count() == 1


def test_an_address_in_capitals_is_not_stored(tenant):
    with pytest.raises(IntegrityError, match="user_email_lower"), tenant_scope(tenant.id):
        make_customer(email="Ada@example.com")


@pytest.mark.parametrize("email", [EMAIL, EMAIL.upper(), f" {EMAIL} "])
def test_signing_in_takes_any_case(two, email):
    assert sign_in(two[0], PASSWORD, email) is not None


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, ""), (EMAIL, PASSWORD.upper()), ("", PASSWORD), ("nobody@example.com", PASSWORD)]
)
def test_wrong_words_are_refused(two, email, password):
    assert sign_in(two[0], password, email) is None


def test_a_closed_account_does_not_sign_in(two):
    with tenant_scope(two[0].id):
        User.objects.update(is_active=False)
        assert queries.get_active_user(User.objects.get().id) is None
    assert sign_in(two[0], PASSWORD) is None
    assert sign_in(two[1], OTHER) is not None


def test_signing_in_outside_a_scope_raises(two):
    with pytest.raises(ScopeError):
        authenticate(None, username=EMAIL, password=PASSWORD)


def test_staff_hold_what_their_groups_grant(tenant):
    with tenant_scope(tenant.id):
        staff, customer = make_staff(), make_customer()
        assert staff.has_perm("catalog.change_product")
        assert staff.has_module_perms("catalog")
        assert not staff.has_perm("auth.change_permission")
        assert not customer.has_perm("catalog.view_product")
        staff.is_active = False
        assert not staff.has_perm("catalog.change_product")


@pytest.mark.parametrize("permission", GRANTS)
def test_permissions_name_models_that_exist(permission):
    for name in GRANTS[permission]:
        assert apps.get_model(name)


def test_each_grant_is_four_permissions_of_the_admin():
    assert admin_permissions(["MANAGE_CHANNELS", "NO_SUCH"]) == {
        f"tenants.{verb}_{model}"
        for verb in ("view", "add", "change", "delete")
        for model in ("channel", "languagechain")
    }

"""`manage.py tenant`: what it opens, what it refuses, and that it is written down who did it."""

from io import StringIO
from secrets import token_hex

import pytest
from django.core.management import CommandError, call_command

from commerce.db.scope import tenant_scope
from tenants.models import (
    Channel,
    Domain,
    GroupMember,
    PermissionGroup,
    PlatformAudit,
    StorefrontToken,
    Tenant,
    User,
)
from tests.factories.tenants import PASSWORD, open_shop, platform


@pytest.fixture
def slug() -> str:
    return f"shop-{token_hex(5)}"


@pytest.fixture(autouse=True)
def _operator(monkeypatch):
    monkeypatch.setenv("OPERATOR", "ada")
    monkeypatch.setenv("STAFF_PASSWORD", PASSWORD)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("tenant", *arguments, stdout=out)
    return out.getvalue().strip()


def audit(text: str) -> list[tuple[str, str, str]]:
    with platform():
        return list(PlatformAudit.objects.filter(command__contains=text).values_list("operator", "command", "reason"))


def test_create_opens_a_shop_with_a_channel_and_staff(slug):
    answer = run(
        "create", slug, "--name", "Bikes", "--host", f"{slug}.test", "--host", f"WWW.{slug}.test.",
        "--language", "nl-be", "--currency", "eur", "--country", "be", "--country", "NL",
        "--staff", " Ada@Example.COM ", "--channel", "belgium", "--reason", "signed up",
    )  # fmt: skip
    tenant = Tenant.objects.get(slug=slug)
    assert answer == f"created tenant {slug} ({tenant.public_id}) at {slug}.test WWW.{slug}.test."
    assert (tenant.name, tenant.default_language, tenant.status) == ("Bikes", "nl-BE", "active")
    assert list(Domain.objects.filter(tenant=tenant).order_by("id").values_list("host", "is_primary")) == [
        (f"{slug}.test", True),
        (f"www.{slug}.test", False),
    ]
    with tenant_scope(tenant.id):
        assert list(Channel.objects.values_list("slug", "currency", "default_country", "countries", "languages")) == [
            ("belgium", "EUR", "BE", ["BE", "NL"], ["nl-BE"])
        ]
        user = User.objects.get()
        assert (user.email, user.is_staff, user.check_password(PASSWORD)) == ("ada@example.com", True, True)
        assert GroupMember.objects.get().group_id == PermissionGroup.objects.get(name="Full access").id
    assert audit(slug) == [("ada", f"tenant create {slug}", "signed up")]


def test_two_shops_have_staff_with_the_same_address_and_groups_of_their_own(slug):
    """As the platform's role all shops' groups are in reach: each must get its own."""
    slugs = [f"{slug}-{number}" for number in (1, 2)]
    for each in slugs:
        run("create", each, "--host", f"{each}.test", "--staff", "ada@example.com")
    for tenant in Tenant.objects.filter(slug__in=slugs):
        with tenant_scope(tenant.id):
            member = GroupMember.objects.select_related("group").get()
            assert member.group.tenant_id == tenant.id


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{slug}", "--host", "a b"], "host: 'a b' is no host name"),
        (["{slug}", "--host", "http://{slug}.test"], "host: "),
        (["{slug}", "--host", "{slug}.test:8000"], "host: "),
        (["{slug}", "--host", ""], "host: "),
        (["{slug}", "--host", "{slug}.test", "--host", "-bad.test"], "Error: argument --host"),
        (["{slug}", "--host", "{slug}.test", "--host", "bad-.test"], "host: "),
        (["{slug}", "--host", "{slug}.test", "--host", "{slug}.test"], "host: The host .* belongs to a tenant already"),
        (["{slug}", "--host", "{taken_host}"], "host: The host .* belongs to a tenant already"),
        (["{taken_slug}", "--host", "{slug}.test"], "slug: A tenant with the slug .* exists"),
        (["{slug}_", "--host", "{slug}.test"], "slug: .* is no slug"),
        (["{slug}", "--host", "{slug}.test", "--currency", "XXZ"], "currency: 'XXZ' is no ISO 4217 currency"),
        (["{slug}", "--host", "{slug}.test", "--country", "Belgium"], "countries: Not ISO 3166-1 countries"),
        (["{slug}", "--host", "{slug}.test", "--country", "US", "--country", "QQ"], "countries: .*QQ"),
        (["{slug}", "--host", "{slug}.test", "--language", "klingon"], "language: 'klingon' is no language"),
        (["{slug}", "--host", "{slug}.test", "--channel", "not a slug"], "slug: "),
        (["{slug}", "--host", "{slug}.test", "--channel", ""], "slug: "),
        (["{slug}", "--host", "{slug}.test", "--staff", "nobody"], "email: "),
        (["{slug}", "--host", "{slug}.test", "--staff", "a" * 250 + "@example.com"], "email: "),
        (["{slug}", "--host", "{slug}.test", "--name", "x" * 201], "name: .* at most 200 characters"),
        (["{slug}", "--host", "{slug}.test", "--channel", "x" * 256], "slug: .* at most 255 characters"),
        (["x" * 64, "--host", "{slug}.test"], "slug: .* is no slug"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_leaves_nothing_behind(slug, arguments, message):
    taken = open_shop()
    names = {"slug": slug, "taken_host": taken.host, "taken_slug": taken.slug}
    with pytest.raises(CommandError, match=f"^{message}"):
        run("create", *[argument.format(**names) for argument in arguments])
    assert not Tenant.objects.filter(slug__startswith=slug).exists()
    assert not Domain.objects.filter(host__contains=slug).exists()
    assert audit(slug) == []


def test_a_weak_password_is_refused_and_leaves_nothing_behind(slug, monkeypatch):
    monkeypatch.setenv("STAFF_PASSWORD", "password")
    with pytest.raises(CommandError, match=r"^password: This password is too (short|common)"):
        run("create", slug, "--host", f"{slug}.test", "--staff", "ada@example.com")
    assert not Tenant.objects.filter(slug=slug).exists()


def test_without_a_terminal_the_password_must_be_in_the_environment(slug, monkeypatch):
    monkeypatch.delenv("STAFF_PASSWORD")
    with pytest.raises(CommandError, match="set STAFF_PASSWORD"):
        run("create", slug, "--host", f"{slug}.test", "--staff", "ada@example.com")
    assert not Tenant.objects.filter(slug=slug).exists()


def test_suspend_and_resume(tenant):
    assert run("suspend", tenant.slug, "--reason", "unpaid") == f"suspended {tenant.slug}"
    assert Tenant.objects.get(id=tenant.id).status == "suspended"
    assert run("resume", tenant.slug) == f"resumed {tenant.slug}"
    assert Tenant.objects.get(id=tenant.id).status == "active"
    assert audit(tenant.slug) == [
        ("ada", f"tenant suspend {tenant.slug}", "unpaid"),
        ("ada", f"tenant resume {tenant.slug}", "operator's request"),
    ]


def test_add_domain(tenant):
    assert run("add-domain", tenant.slug, f"Two.{tenant.host}") == f"two.{tenant.host} leads to {tenant.slug}"
    assert list(Domain.objects.filter(tenant_id=tenant.id).values_list("is_primary", flat=True).order_by("id")) == [
        True,
        False,
    ]


@pytest.mark.parametrize("verb", [["suspend"], ["resume"], ["add-domain"]])
def test_a_tenant_that_is_not_there_is_named(verb, slug):
    more = [f"{slug}.test"] if verb == ["add-domain"] else []
    with pytest.raises(CommandError, match=f"^slug: There is no tenant '{slug}'"):
        run(*verb, slug, *more)
    assert audit(slug) == []


def test_add_domain_refuses_another_tenants_host(tenant, other_tenant):
    with pytest.raises(CommandError, match="belongs to a tenant already"):
        run("add-domain", tenant.slug, other_tenant.host)
    assert Domain.objects.get(host=other_tenant.host).tenant_id == other_tenant.id


def test_list_shows_slug_status_hosts_and_name(tenant):
    assert f"{tenant.slug}\tactive\t{tenant.host}\tShop {tenant.token}" in run("list").splitlines()


def test_limits_are_shown_and_changed(tenant):
    answer = run("limits", tenant.slug, "depth=20", "cost=7", "--reason", "a slow storefront")
    assert {"depth=20 (own)", "cost=7 (own)", "aliases=100"} <= set(answer.splitlines())
    assert Tenant.objects.get(id=tenant.id).limits == {"depth": 20, "cost": 7}
    answer = run("limits", tenant.slug, "depth=")
    assert {"depth=30", "cost=7 (own)"} <= set(answer.splitlines())
    assert Tenant.objects.get(id=tenant.id).limits == {"cost": 7}
    assert run("limits", tenant.slug) == answer
    assert audit(tenant.slug)[0] == ("ada", f"tenant limits {tenant.slug}", "a slow storefront")


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("width=3", "width: There is no limit 'width': the limits are body, upload, batch, "),
        ("depth=0", "depth: The limit 'depth' is a whole number from 1 to "),
        ("depth=99999999999", "depth: The limit 'depth' is a whole number from 1 to "),
        ("depth=-1", "limits: 'depth=-1' is no limit such as depth=20"),
        ("depth=x", "limits: 'depth=x' is no limit such as depth=20"),
        ("depth", "limits: 'depth' is no limit such as depth=20"),
    ],
)
def test_a_bad_limit_is_named_and_changes_nothing(tenant, limit, message):
    with pytest.raises(CommandError, match=f"^{message}"):
        run("limits", tenant.slug, "cost=7", limit)
    assert Tenant.objects.get(id=tenant.id).limits == {}


def test_plan(tenant, settings):
    settings.RATE_LIMIT_PLANS = {"standard": 5, "large": 50}
    assert run("plan", tenant.slug, "large") == f"{tenant.slug} has the plan large: 50 requests a minute"
    assert Tenant.objects.get(id=tenant.id).plan == "large"
    with pytest.raises(CommandError, match=r"^plan: There is no plan 'huge'; RATE_LIMIT_PLANS has standard \(5 a min"):
        run("plan", tenant.slug, "huge")
    assert Tenant.objects.get(id=tenant.id).plan == "large"


def test_documents_only(tenant):
    assert run("documents-only", tenant.slug, "on") == f"{tenant.slug} runs trusted documents alone"
    assert Tenant.objects.get(id=tenant.id).documents_only is True
    assert run("documents-only", tenant.slug, "off") == f"{tenant.slug} runs any document"
    assert Tenant.objects.get(id=tenant.id).documents_only is False


def test_storefront_token_is_shown_once_and_not_kept(tenant, other_tenant):
    token = run("storefront-token", tenant.slug, "--name", "web")
    owner, secret = token.split(".")
    assert owner == str(tenant.public_id)
    assert len(secret) >= 43  # 256 bits
    with tenant_scope(tenant.id):
        kept = StorefrontToken.objects.get(name="web")
    assert secret not in kept.digest
    with tenant_scope(other_tenant.id):
        assert not StorefrontToken.objects.exists()
    assert not any(secret in part for entry in audit(tenant.slug) for part in entry)
    with pytest.raises(CommandError, match="has a storefront token 'web': revoke it first"):
        run("storefront-token", tenant.slug, "--name", "web")
    assert run("storefront-token", tenant.slug, "--name", "web", "--revoke").startswith("revoked")
    with pytest.raises(CommandError, match="has no storefront token 'web'"):
        run("storefront-token", tenant.slug, "--name", "web", "--revoke")
    assert run("storefront-token", tenant.slug, "--name", "web") != token


@pytest.mark.parametrize("verb", [["limits"], ["plan", "large"], ["documents-only", "on"], ["storefront-token"]])
def test_the_tenant_of_a_change_is_named(verb, slug):
    with pytest.raises(CommandError, match=f"^slug: There is no tenant '{slug}'"):
        run(verb[0], slug, *verb[1:])

import getpass
import os
import sys
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from commerce.errors import DomainError
from commerce.graphql.limits import Limits
from commerce.ratelimit import plan_limit
from commerce.webhooks.operations import allow_targets
from tenants import operations, queries
from tenants.operators import current_operator


class Command(BaseCommand):
    help = "Create, list, suspend and resume tenants, give them hosts, limits and tokens (as platform role, audited)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="open a shop with one channel and, if asked, a first staff member")
        create.add_argument("slug")
        create.add_argument("--name", help="what shoppers see (default: the slug)")
        create.add_argument("--host", action="append", required=True, help="a host name; may be repeated")
        create.add_argument("--language", default="en", help="BCP 47, e.g. nl-BE (default: en)")
        create.add_argument("--channel", default="default-channel", help="the first channel's slug")
        create.add_argument("--currency", default="USD", help="ISO 4217 (default: USD)")
        create.add_argument("--country", action="append", help="ISO 3166-1; may be repeated (default: US)")
        create.add_argument(
            "--staff", metavar="EMAIL", help="a first staff member; the password is read from STAFF_PASSWORD or asked"
        )
        verbs.add_parser("list", help="show all tenants")
        for verb in ("suspend", "resume"):
            verbs.add_parser(verb).add_argument("slug")
        add_domain = verbs.add_parser("add-domain", help="give a tenant another host name")
        add_domain.add_argument("slug")
        add_domain.add_argument("host")
        add_domain.add_argument("--language", default="", help="BCP 47: what is read there is in this language")
        host_language = verbs.add_parser("host-language", help="have what is read at a host be in a language")
        host_language.add_argument("host")
        host_language.add_argument("language", nargs="?", help="BCP 47; none: the one that its reader prefers")
        limits = verbs.add_parser("limits", help="show a tenant's GraphQL limits, or change some")
        limits.add_argument("slug")
        limits.add_argument("limits", nargs="*", metavar="NAME=VALUE", help="depth=20; depth= for the settings' value")
        only = verbs.add_parser("documents-only", help="run trusted documents alone (manage.py documents), or any")
        only.add_argument("slug")
        only.add_argument("switch", choices=["on", "off"])
        plan = verbs.add_parser("plan", help="put a tenant on a plan of RATE_LIMIT_PLANS: its requests a minute")
        plan.add_argument("slug")
        plan.add_argument("plan")
        targets = verbs.add_parser(
            "allow-targets", help="let its webhooks and apps be at addresses that are not public"
        )
        targets.add_argument("slug")
        targets.add_argument("targets", nargs="*", metavar="TARGET", help="127.0.0.1:3000, 10.1.0.0/16, localhost:3000")
        targets.add_argument("--none", action="store_true", help="public addresses alone, as at first")
        targets.add_argument("--yes-production", action="store_true", help="insist where ENVIRONMENT is production")
        token = verbs.add_parser("storefront-token", help="make a token for a server that renders for many shoppers")
        token.add_argument("slug")
        token.add_argument("--name", default="storefront", help="to tell tokens apart (default: storefront)")
        token.add_argument("--revoke", action="store_true", help="revoke the token of this name instead")
        for name, verb_parser in verbs.choices.items():
            if name != "list":
                verb_parser.add_argument("--reason", default="operator's request", help="kept in the audit")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        if verb == "list":
            return self._list()
        target = options.get("slug") or options["host"]
        try:
            with operations.all_tenants(
                reason=options["reason"], operator=current_operator(), command=f"tenant {verb} {target}"
            ):
                self.stdout.write(getattr(self, f"_{verb.replace('-', '_')}")(**options))
        except DomainError as error:
            raise CommandError(f"{error.field or verb}: {error.message}") from error

    def _list(self) -> None:
        for tenant in queries.list_tenants():
            hosts = " ".join(domain.host for domain in tenant.domains.all())
            self.stdout.write(f"{tenant.slug}\t{tenant.status}\t{hosts}\t{tenant.name}")

    def _create(self, **options: Any) -> str:
        tenant = operations.create_tenant(
            slug=options["slug"],
            name=options["name"] or options["slug"],
            hosts=options["host"],
            default_language=options["language"],
        )
        with operations.as_tenant(tenant):
            operations.create_channel(
                slug=options["channel"],
                name=options["channel"],
                currency=options["currency"],
                countries=options["country"] or ["US"],
                languages=[options["language"]],
            )
            if options["staff"]:
                operations.create_staff(email=options["staff"], password=_password())
        return f"created tenant {tenant.slug} ({tenant.public_id}) at {' '.join(options['host'])}"

    def _suspend(self, *, slug: str, **_: Any) -> str:
        operations.set_tenant_status(slug=slug, status="suspended")
        return f"suspended {slug}"

    def _resume(self, *, slug: str, **_: Any) -> str:
        operations.set_tenant_status(slug=slug, status="active")
        return f"resumed {slug}"

    def _limits(self, *, slug: str, limits: list[str], **_: Any) -> str:
        tenant = operations.set_tenant_limits(slug=slug, limits=dict(map(_limit, limits)))
        found = asdict(Limits.from_settings().with_values(tenant.limits))
        return "\n".join(f"{name}={value}{' (own)' if name in tenant.limits else ''}" for name, value in found.items())

    def _documents_only(self, *, slug: str, switch: str, **_: Any) -> str:
        operations.set_documents_only(slug=slug, documents_only=switch == "on")
        return f"{slug} runs {'trusted documents alone' if switch == 'on' else 'any document'}"

    def _plan(self, *, slug: str, plan: str, **_: Any) -> str:
        operations.set_tenant_plan(slug=slug, plan=plan)
        return f"{slug} has the plan {plan}: {plan_limit(plan)} requests a minute"

    def _allow_targets(self, *, slug: str, targets: list[str], none: bool, yes_production: bool, **_: Any) -> str:
        if bool(targets) == none:
            raise DomainError("Name what is allowed from now on, or --none.", field="targets")
        is_production = settings.ENVIRONMENT.startswith("prod") and not yes_production
        allowed = allow_targets(slug=slug, entries=targets, is_production=is_production)
        return f"{slug} may send to public addresses{' and to ' + ' '.join(allowed) if allowed else ' alone'}"

    def _storefront_token(self, *, slug: str, name: str, revoke: bool, **_: Any) -> str:
        if revoke:
            operations.revoke_storefront_token(slug=slug, name=name)
            return f"revoked the storefront token {name} of {slug}"
        return operations.create_storefront_token(slug=slug, name=name)

    def _host_language(self, *, host: str, language: str | None, **_: Any) -> str:
        domain = operations.set_domain_language(host=host, language=language)
        return f"what is read at {domain.host} is in {domain.language or 'the language that its reader prefers'}"

    def _add_domain(self, *, slug: str, host: str, language: str, **_: Any) -> str:
        tenant = queries.get_tenant_by_slug(slug)
        if tenant is None:
            raise operations.TenantNotFound(f"There is no tenant {slug!r}.", field="slug")
        domain = operations.add_domain(tenant=tenant, host=host, language=language)
        return f"{domain.host} leads to {slug}{f' in {domain.language}' if domain.language else ''}"


def _limit(text: str) -> tuple[str, int | None]:
    name, separator, value = text.partition("=")
    if not separator or (value and not (value.isascii() and value.isdigit())):
        raise DomainError(f"{text!r} is no limit such as depth=20, or depth= for the settings' value.", field="limits")
    return name, int(value) if value else None


def _password() -> str:
    given = os.environ.get("STAFF_PASSWORD")
    if given:
        return given
    if not sys.stdin.isatty():
        raise CommandError("No terminal to ask for the password: set STAFF_PASSWORD.")
    return getpass.getpass("Password of the first staff member: ")

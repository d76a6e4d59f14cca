import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import demo
from catalog.demo.content import fill_content
from commerce.db.scope import ScopeError, tenant_scope
from commerce.errors import DomainError
from commerce.stack.state import read_env, write_env
from tenants import operations, queries


@dataclass(frozen=True)
class Shop:
    """A demo shop; its catalogue stands in catalog/demo/<slug>.csv."""

    slug: str
    name: str
    currency: str
    countries: tuple[str, ...]
    languages: tuple[str, ...]

    @property
    def host(self) -> str:
        return f"{self.slug}.localhost"

    @property
    def staff(self) -> str:
        return f"staff@{self.host}"


SHOPS = (
    Shop("boutique", "Boutique", "EUR", ("NL", "BE", "DE"), ("en", "nl")),
    Shop("electronics", "Electronics", "USD", ("US", "CA"), ("en",)),
)
QUERY = (
    '{ products(first: 2, channel: "default-channel") { edges { node { name '
    "pricing { priceRange { start { gross { amount currency } } } } } } } }"
)


class Command(BaseCommand):
    help = "Open two demo shops in the local stack, each with its catalogue, and say where they are. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        path = settings.BASE_DIR / ".stack" / "env"
        parser.add_argument("--env-file", type=Path, default=path, help="keeps DEMO_PASSWORD, tells DEMO_HOSTS")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError("The demo shops belong in a local stack: ENVIRONMENT is not local.")
        path = options["env_file"]
        password = read_env(path).get("DEMO_PASSWORD") or secrets.token_urlsafe(12)
        write_env(path, {"DEMO_PASSWORD": password})
        for shop in SHOPS:
            self._open(shop, password)
            self._fill(shop)
        write_env(path, {"DEMO_HOSTS": " ".join(shop.host for shop in SHOPS)})
        self._explain(password)

    def _open(self, shop: Shop, password: str) -> None:
        opened = queries.get_tenant_by_slug(shop.slug)
        if opened is not None:
            _keep_password(opened.id, shop.staff, password)
            return
        try:
            with operations.all_tenants(reason="demo shop", operator="make demo", command=f"demo {shop.slug}"):
                tenant = operations.create_tenant(slug=shop.slug, name=shop.name, hosts=[shop.host])
                with operations.as_tenant(tenant):
                    operations.create_channel(
                        slug="default-channel",
                        name=f"{shop.name} {shop.currency}",
                        currency=shop.currency,
                        countries=list(shop.countries),
                        languages=list(shop.languages),
                    )
                    operations.create_staff(email=shop.staff, password=password)
        except (DomainError, ScopeError) as error:
            raise CommandError(f"{shop.slug}: {error}") from error

    def _fill(self, shop: Shop) -> None:
        call_command(
            "import_products",
            demo.FOLDER / f"{shop.slug}.csv",
            tenant=shop.slug,
            mapping=demo.FOLDER / f"{shop.slug}.yaml",
            stdout=self.stdout,
            stderr=self.stderr,
        )
        tenant = queries.get_tenant_by_slug(shop.slug)
        if tenant is not None:
            with tenant_scope(tenant.id):
                demo.draw_missing_pictures(now=timezone.now())
                fill_content(shop=shop.name, languages=shop.languages, now=timezone.now())

    def _explain(self, password: str) -> None:
        web = os.environ.get("WEB_URL", "http://127.0.0.1:8000")
        port = urlsplit(web).port or 80
        lines = ["", "Two shops are open. To click:"]
        for shop in SHOPS:
            lines += [
                f"  http://{shop.host}:{port}/graphql/   GraphiQL of {shop.name}",
                f"  http://{shop.host}:{port}/admin/     its admin: {shop.staff} / {password}",
            ]
        lines.append("To curl:")
        body = json.dumps({"query": QUERY})
        lines += [
            f"  curl -s {web}/graphql/ -H 'Host: {shop.host}' -H 'Content-Type: application/json' -d '{body}'"
            for shop in SHOPS
        ]
        self.stdout.write("\n".join(lines))


def _keep_password(tenant_id: int, email: str, password: str) -> None:
    """Let the printed password be the staff member's, even where the file that kept it was lost."""
    with tenant_scope(tenant_id):
        user = queries.find_user(email)
        if user is not None and not user.check_password(password):
            user.set_password(password)
            user.save(update_fields=["password", "updated_at"])

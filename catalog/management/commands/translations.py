import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import operations
from catalog.queries.untranslated import KINDS, Count, Untranslated, count_untranslated, iterate_untranslated
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.ids import to_global_id
from tenants import queries as tenants
from tenants.languages import Offer, clean_language


class Command(BaseCommand):
    help = "Show what is not translated yet, and where words are looked for that a language lacks (docs/languages.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        missing = verbs.add_parser("missing", help="count what is not translated; with --language or --csv list it too")
        missing.add_argument("--language", help="BCP 47, e.g. nl-BE; without it every language of the shop")
        missing.add_argument("--kind", choices=list(KINDS), help="objects of one kind alone")
        missing.add_argument(
            "--by-chain", action="store_true", help="leave out what is translated into a language that it falls back to"
        )
        missing.add_argument("--most", type=int, default=50, metavar="N", help="list so many of each kind (50)")
        missing.add_argument("--csv", action="store_true", help="list all of them as CSV instead")
        verbs.add_parser("chains", help="show where each language's words are looked for")
        chain = verbs.add_parser("chain", help="say where the words of a language are looked for")
        chain.add_argument("language", help="BCP 47, e.g. nl-BE")
        chain.add_argument("fallbacks", nargs="*", metavar="LANGUAGE", help="in their order; the shop's own comes last")
        chain.add_argument("--default", action="store_true", help="as CLDR says: nl for nl-BE")
        for verb in verbs.choices.values():
            verb.add_argument("--tenant", required=True, metavar="SLUG")

    def handle(self, *args: Any, verb: str, tenant: str, **options: Any) -> None:
        shop = tenants.get_tenant_by_slug(tenant)
        if shop is None:
            raise CommandError(f"There is no tenant {tenant!r}; `manage.py tenant list` shows them.")
        try:
            with tenant_scope(shop.id, read_only=verb != "chain"):
                getattr(self, f"_{verb}")(tenants.get_offer(), **options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _chains(self, offer: Offer, **_: Any) -> None:
        own = dict(offer.chains)
        for language in offer.languages:
            told = " (set by the shop)" if language in own else " (the shop's own)" if language == offer.base else ""
            self.stdout.write(" → ".join(offer.chain(language)) + told)

    def _chain(self, offer: Offer, *, language: str, fallbacks: list[str], default: bool, **_: Any) -> None:
        if bool(fallbacks) == default:
            raise CommandError("Name the languages that come next, or --default.")
        found = operations.set_chain(language=language, fallbacks=None if default else fallbacks, now=timezone.now())
        self.stdout.write(" → ".join(found))

    def _missing(
        self,
        offer: Offer,
        *,
        language: str | None,
        kind: str | None,
        by_chain: bool,
        most: int,
        csv: bool,
        **_: Any,
    ) -> None:
        languages = [clean_language(language)] if language else list(offer.languages[1:])
        if not languages:
            raise CommandError(f"The shop has no language but its own, {offer.base}: name another by --language.")
        if offer.base in languages:
            raise CommandError(f"{offer.base} is the language that the catalogue is written in: nothing is missing.")
        chains = {one: offer.chain(one)[:-1] if by_chain else (one,) for one in languages}
        kinds = [kind] if kind else list(KINDS)
        if csv:
            self._write_csv(chains, kinds)
            return
        for count in count_untranslated(chains, kinds):
            self.stdout.write(_counted(count))
            if language and count.missing:
                found = iterate_untranslated(count.kind, count.language, chains[count.language])
                self._list(count, islice(found, max(most, 0)), most)

    def _list(self, count: Count, found: Iterable[Untranslated], most: int) -> None:
        for one in found:
            name = one.name or "(no name)"
            self.stdout.write(f"  {to_global_id(count.kind, one.id)}\t{name}\t{', '.join(one.words)}")
        if count.missing > most:
            self.stdout.write(f"  and {count.missing - most:,} more: --most {count.missing}, or --csv")

    def _write_csv(self, chains: Mapping[str, Sequence[str]], kinds: Sequence[str]) -> None:
        writer = csv.writer(self.stdout)
        writer.writerow(["kind", "id", "name", "language", "missing"])
        for language, chain in chains.items():
            for kind in kinds:
                for one in iterate_untranslated(kind, language, chain):
                    writer.writerow([kind, to_global_id(kind, one.id), one.name, language, " ".join(one.words)])


def _counted(count: Count) -> str:
    return f"{count.language}\t{count.kind}\t{count.missing:,} of {count.objects:,} not translated in full"

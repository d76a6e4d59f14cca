"""Languages as shops know them: their names (BCP 47), their chains, and which one a reader is given.

A chain begins with a language and ends with the shop's own, in which the catalogue itself is written: ("nl-BE", "nl",
"en"). A word is looked for in each of them in turn. Nothing here reads the database.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from commerce.errors import DomainError

# Of an Accept-Language header, which anybody may send.
LONGEST_HEADER = 1_000
MOST_RANGES = 50
NO_CHAINS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def clean_language(code: str) -> str:
    """Return a language as BCP 47 writes it ("nl-BE"), or raise DomainError for one CLDR does not know."""
    found = _known(code.strip())
    if found is None:
        raise DomainError(f"{code!r} is no language that CLDR knows, such as nl or nl-BE.", field="language")
    return found


def parents(language: str) -> Iterator[str]:
    """Yield the languages that CLDR lets a language inherit from: nl for nl-BE, es-419 and es for es-MX.

    UTS 35, "Parent Locales". Chinese in one script does not inherit from that in the other.
    """
    exceptions, likely = get_global("parent_exceptions"), get_global("likely_subtags")
    name = language.replace("-", "_")
    while True:
        above, _, cut = name.rpartition("_")
        name = exceptions.get(name) or above
        is_other_script = len(cut) == 4 and cut not in likely.get(above, cut)
        if not name or name == "root" or is_other_script:
            return
        yield name.replace("_", "-")


def chain_of(language: str, base: str, chains: Mapping[str, tuple[str, ...]] = NO_CHAINS) -> tuple[str, ...]:
    """Return where the words of a language are looked for: from it to the shop's own language, `base`.

    `chains` are those that the shop has written down itself, by language; the others are CLDR's.
    """
    if language == base:
        return (base,)
    own = chains.get(language)
    further = [one for one in (parents(language) if own is None else own) if one != language]
    before = further[: further.index(base)] if base in further else further
    return (language, *dict.fromkeys(before), base)


@dataclass(frozen=True, slots=True)
class Offer:
    """The languages that a shop is read in, its own first, and the chains that it has written down."""

    languages: tuple[str, ...]
    chains: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def base(self) -> str:
        """The language that the catalogue itself is written in."""
        return self.languages[0]

    def chain(self, language: str) -> tuple[str, ...]:
        """Return where the words of a language are looked for."""
        return chain_of(language, self.base, dict(self.chains))


def make_offer(base: str, spoken: Iterator[str], chains: Mapping[str, tuple[str, ...]]) -> Offer:
    """Return the offer of a shop: its own language, those `spoken` in its channels, and all that its chains name.

    CLDR's chains name nothing: nobody writes nl because nl-BE inherits from it.
    """
    named = [one for language, fallbacks in chains.items() for one in (language, *fallbacks)]
    return Offer(tuple(dict.fromkeys([base, *spoken, *named])), tuple(sorted(chains.items())))


@lru_cache(maxsize=4096)
def read_preference(header: str, offer: Offer) -> tuple[str, ...]:
    """Return the chain of the language that an Accept-Language header (RFC 9110) asks a shop for, () for none at all.

    That is the offered one that suits the earliest of the header's languages, by their quality: the same, or one that
    it inherits from, or one of the same parent (RFC 4647 goes by prefixes alone). Where none suits it is the shop's
    own language. What is malformed is passed over, and "*" asks for nothing.
    """
    ranges = _ranges(header)
    if not any(name != "*" for name, _ in ranges):
        return ()
    refused = {found for name, quality in ranges if not quality and (found := _known(name))}
    for name, quality in sorted(ranges, key=lambda found: -found[1]):
        if not quality:
            continue
        if name == "*":
            break
        if (suits := _suits(name, offer, refused)) is not None:
            return offer.chain(suits)
    return (offer.base,)


def _suits(name: str, offer: Offer, refused: set[str]) -> str | None:
    wanted = _known(name)
    if wanted is None:
        return None
    free = [language for language in offer.languages if language not in refused]
    for candidate in (wanted, *parents(wanted)):
        if candidate in free:
            return candidate
        # Who asks for nl is content with nl-BE.
        if (kin := next((one for one in free if candidate in parents(one)), None)) is not None:
            return kin
    return None


def _ranges(header: str) -> list[tuple[str, float]]:
    """Return the languages of a header with their qualities, in its order."""
    found = []
    for part in header[:LONGEST_HEADER].split(",")[:MOST_RANGES]:
        name, _, rest = part.partition(";")
        quality = _quality(rest.strip())
        if name.strip() and quality is not None:
            found.append((name.strip(), quality))
    return found


def _quality(text: str) -> float | None:
    """Return the weight of "q=0.5" (1 if there is none), or None for what is no weight."""
    if not text:
        return 1.0
    name, _, value = text.partition("=")
    digits = value.strip()
    if name.strip().lower() != "q" or not digits.isascii() or not digits.replace(".", "", 1).isdigit():
        return None
    weight = float(digits)
    return weight if weight <= 1 else None


@lru_cache(maxsize=4096)
def _known(code: str) -> str | None:
    """Return a language as BCP 47 writes it, or None where CLDR does not know it."""
    if len(code) > 40:
        return None
    try:
        return str(Locale.parse(code.replace("_", "-"), sep="-")).replace("_", "-")
    except (ValueError, TypeError, UnknownLocaleError):
        return None

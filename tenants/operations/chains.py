"""Writes of the chains of languages that a shop sets itself, instead of CLDR's."""

from collections.abc import Sequence

from commerce.errors import DomainError
from tenants.languages import clean_language
from tenants.models import LanguageChain

MOST = 10


def clean_chain(language: str, fallbacks: Sequence[str]) -> tuple[str, list[str]]:
    """Return a language and where its words are looked for besides, as BCP 47 writes them.

    Raises DomainError for a language that CLDR does not know, for one named twice, and for more than ten.
    """
    cleaned = clean_language(language)
    found = [_clean(code) for code in fallbacks]
    if cleaned in found or len(set(found)) < len(found):
        raise DomainError(f"A chain names each language once: {' → '.join([cleaned, *found])}.", field="fallbacks")
    if len(found) > MOST:
        raise DomainError(f"A chain has {MOST} languages at most.", field="fallbacks")
    return cleaned, found


def set_chain(*, language: str, fallbacks: Sequence[str]) -> LanguageChain:
    """Have the words of a language that there are none of be looked for in these, in the scope's tenant.

    The shop's own language ends every chain, named or not. Raises DomainError.
    """
    cleaned, found = clean_chain(language, fallbacks)
    chain = LanguageChain.objects.select_for_update().filter(language=cleaned).first()
    if chain is not None and chain.fallbacks == found:
        return chain
    chain = chain or LanguageChain(language=cleaned)
    chain.fallbacks = found
    save_chain(chain)
    return chain


def save_chain(chain: LanguageChain) -> None:
    """Insert or update a chain; raise DomainError for what `clean_chain` refuses and for a second one of a language."""
    chain.language, chain.fallbacks = clean_chain(chain.language, chain.fallbacks)
    others = LanguageChain.objects.exclude(id=chain.id)
    if others.filter(language=chain.language).exists():
        raise DomainError(f"There is a chain for {chain.language}: change that one.", code="UNIQUE", field="language")
    chain.save(force_insert=chain._state.adding)
    chain.refresh_from_db(fields=["version", "updated_at"])


def remove_chain(*, language: str) -> None:
    """Let a language of the scope's tenant have CLDR's chain again; raise DomainError where it has no other."""
    language = clean_language(language)
    count, _ = LanguageChain.objects.filter(language=language).delete()
    if not count:
        raise DomainError(f"The shop has no chain of its own for {language}.", code="NOT_FOUND", field="language")


def _clean(code: str) -> str:
    try:
        return clean_language(code)
    except DomainError as error:
        raise DomainError(error.message, field="fallbacks") from error

"""Enums that any type may use: languages, countries, and the direction of an order."""

import re
from enum import Enum
from functools import cache
from typing import Any

import graphene
from babel import Locale
from babel.localedata import locale_identifiers

# What CLDR counts as a territory although ISO 3166-1 has not assigned it: exceptional and private codes.
_NO_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
_LOCALE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|\d{3}))?")


def _languages() -> dict[str, str]:
    """Return BCP 47 codes by name: {"NL_BE": "nl-BE"}; variants (en_US_POSIX) are no languages of shops."""
    locales = sorted(name for name in locale_identifiers() if _LOCALE.fullmatch(name))
    return {name.upper(): name.replace("_", "-") for name in locales}


@cache
def country_names(language: str = "en") -> dict[str, str]:
    """Return the names of all countries in a language of CLDR, by code.

    ISO 3166-1 alpha-2, and two that the dialect adds: EU and XK (Kosovo).
    """
    names = Locale.parse(language, sep="-").territories
    return {code: names[code] for code in sorted(Locale("en").territories) if _is_country(code) and code in names}


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES


def _enum(name: str, members: dict[str, str], description: str) -> Any:
    return graphene.Enum.from_enum(Enum(name, members), description=lambda member: None if member else description)


LanguageCodeEnum = _enum(
    "LanguageCodeEnum", _languages(), "A language or locale of CLDR. The values are BCP 47 codes: nl-BE."
)
CountryCode = _enum(
    "CountryCode", {code: code for code in country_names()}, "A country of ISO 3166-1, the EU or Kosovo."
)


class OrderDirection(graphene.Enum):
    """The direction of an order."""

    ASC = "ASC"
    DESC = "DESC"


@cache
def language_enum(code: str) -> Any:
    """Return the member of LanguageCodeEnum for "nl-BE", "nl_BE" or "nl-be"; its `.value` is "nl-BE".

    Raises ValueError where CLDR has no such language.
    """
    try:
        return LanguageCodeEnum[code.replace("-", "_").upper()]
    except KeyError:
        raise ValueError(f"{code!r} is not a language of CLDR.") from None

import re

import pytest

from commerce.graphql.enums import CountryCode, LanguageCodeEnum, country_names, language_enum

LANGUAGES = LanguageCodeEnum._meta.enum.__members__


def test_languages_are_those_of_cldr_in_upper_case():
    assert len(LANGUAGES) >= 700
    assert {"EN", "EN_US", "NL", "NL_BE", "PL", "PT_BR", "ZH_HANS", "ZH_HANT_TW", "SR_LATN_RS"} <= LANGUAGES.keys()
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in LANGUAGES)


@pytest.mark.parametrize("code", ["nl-BE", "nl_BE", "nl-be", "NL_BE"])
def test_language_code_in_any_spelling(code):
    assert language_enum(code) is LANGUAGES["NL_BE"]
    assert language_enum(code).value == "nl-BE"


def test_unknown_language_is_refused():
    with pytest.raises(ValueError, match="'xx-YY' is not a language of CLDR"):
        language_enum("xx-YY")


def test_countries_are_those_of_iso_3166_with_eu_and_kosovo():
    codes = set(CountryCode._meta.enum.__members__)
    assert len(codes) == 251  # 249 of ISO 3166-1
    assert {"EU", "XK", "NL", "TW", "AQ", "BQ", "SS", "UM", "AX"} <= codes
    assert not codes & {"AC", "EZ", "IC", "QO", "TA", "UK", "UN", "XA", "XB", "ZZ", "AN", "SU"}


def test_country_names_are_translated():
    assert country_names("nl")["DE"] == "Duitsland"
    assert country_names("pt-BR")["NL"] == "Países Baixos"

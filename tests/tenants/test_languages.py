"""Names of languages, their chains, and what a reader who prefers some is given."""

import pytest
from django.core.management import CommandError, call_command

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from tenants import operations, queries
from tenants.languages import Offer, chain_of, clean_language, make_offer, parents, read_preference


@pytest.mark.parametrize(
    ("language", "above"),
    [
        ("nl-BE", ["nl"]),
        ("nl", []),
        ("es-MX", ["es-419", "es"]),
        ("en-GB", ["en-001", "en"]),
        ("pt-AO", ["pt-PT", "pt"]),
        ("zh-Hans-CN", ["zh-Hans", "zh"]),
        ("zh-Hant-HK", ["zh-Hant"]),  # who reads traditional characters is not given simplified ones
        ("sr-Latn-RS", ["sr-Latn"]),
    ],
)
def test_languages_inherit_as_cldr_says(language, above):
    assert list(parents(language)) == above


@pytest.mark.parametrize(
    ("language", "base", "chains", "chain"),
    [
        ("nl-BE", "en", {}, ("nl-BE", "nl", "en")),
        ("nl-BE", "nl", {}, ("nl-BE", "nl")),
        ("en", "en", {"en": ("nl",)}, ("en",)),
        ("fr", "en", {"fr": ("de", "nl")}, ("fr", "de", "nl", "en")),
        ("fr", "en", {"fr": ("de", "en", "nl")}, ("fr", "de", "en")),  # the shop's own has every word
        ("fr-CA", "en", {"fr-CA": ()}, ("fr-CA", "en")),
    ],
)
def test_a_chain_ends_with_the_shops_own_language(language, base, chains, chain):
    assert chain_of(language, base, chains) == chain


OFFER = make_offer("en", iter(["en", "nl-BE", "pt-PT", "zh-Hans"]), {"fr": ("de",)})


def test_a_shop_offers_its_own_language_its_channels_and_its_chains():
    assert OFFER.languages == ("en", "nl-BE", "pt-PT", "zh-Hans", "fr", "de")


@pytest.mark.parametrize(
    ("header", "chain"),
    [
        ("nl-BE", ("nl-BE", "nl", "en")),
        ("NL-be", ("nl-BE", "nl", "en")),
        ("nl", ("nl-BE", "nl", "en")),
        ("nl-NL", ("nl-BE", "nl", "en")),
        ("pt-BR", ("pt-PT", "pt", "en")),
        ("fr-CH, en;q=0.5", ("fr", "de", "en")),
        ("ja, nl;q=0.3", ("nl-BE", "nl", "en")),
        ("en;q=0.3, nl;q=0.7", ("nl-BE", "nl", "en")),
        ("nl;q=0.5,de;q=0.5", ("nl-BE", "nl", "en")),
        ("nl;q=0, fr;q=0.1", ("fr", "de", "en")),
        ("nl-BE;q=0, nl", ("en",)),
        ("ja", ("en",)),
        ("zh-TW", ("en",)),
        ("zh-CN", ("zh-Hans", "zh", "en")),
        ("*, nl;q=0.1", ("en",)),
        ("*", ()),
        ("", ()),
        (";q=1,,", ()),
        ("nl;q=7", ()),
        ("nl;q=abc, fr", ("fr", "de", "en")),
        ("klingon-of-the-far-side-which-is-no-language-at-all, fr", ("fr", "de", "en")),
        ("x" * 5000 + ", nl", ("en",)),
        (", ".join(["ja"] * 60) + ", nl", ("en",)),
    ],
)
def test_a_readers_preference_is_met_as_far_as_the_shop_can(header, chain):
    assert read_preference(header, OFFER) == chain


@pytest.mark.parametrize(("code", "cleaned"), [("nl_be", "nl-BE"), ("zh-TW", "zh-Hant-TW"), (" DE ", "de")])
def test_a_language_is_written_as_bcp_47_does(code, cleaned):
    assert clean_language(code) == cleaned


@pytest.mark.parametrize("code", ["", "xx-YY", "Nederlands", "nl-", "n" * 50])
def test_an_unknown_language_is_named(code):
    with pytest.raises(DomainError, match="no language that CLDR knows, such as nl or nl-BE") as caught:
        clean_language(code)
    assert caught.value.field == "language"


@pytest.mark.parametrize(
    ("language", "fallbacks", "message"),
    [
        ("fr", ["fr"], "names each language once"),
        ("fr", ["nl", "nl"], "names each language once"),
        ("xx", ["nl"], "'xx' is no language"),
        ("fr", ["nederlands"], "'nederlands' is no language"),
        ("fr", ["aa", "af", "ak", "am", "an", "ar", "as", "az", "be", "bg", "bm"], "10 languages at most"),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused(tenant, language, fallbacks, message):
    with tenant_scope(tenant.id):
        with pytest.raises(DomainError, match=message):
            operations.set_chain(language=language, fallbacks=fallbacks)
        assert queries.list_chains() == {}


def test_a_chain_is_set_changed_and_taken_back(tenant):
    with tenant_scope(tenant.id):
        first = operations.set_chain(language="fr", fallbacks=["nl_be"])
        assert (first.fallbacks, first.version) == (["nl-BE"], 1)
        assert operations.set_chain(language="fr", fallbacks=["nl-BE"]).version == 1
        assert operations.set_chain(language="FR", fallbacks=["de"]).version == 2
        assert queries.get_offer() == Offer(("en", "fr", "de"), (("fr", ("de",)),))
        operations.remove_chain(language="fr")
        assert queries.list_chains() == {}
        with pytest.raises(DomainError, match="no chain of its own for fr"):
            operations.remove_chain(language="fr")


def test_the_language_of_a_host_is_set_by_command(tenant, capsys):
    host = f"nl.{tenant.host}"
    call_command("tenant", "add-domain", tenant.slug, host, "--language", "nl_be")
    assert queries.get_tenant_by_host(host).host_language == "nl-BE"
    assert queries.get_tenant_by_host(tenant.host).host_language == ""
    call_command("tenant", "host-language", host, "nl")
    assert queries.get_tenant_by_host(host).host_language == "nl"
    call_command("tenant", "host-language", host)
    assert queries.get_tenant_by_host(host).host_language == ""
    assert capsys.readouterr().out.splitlines() == [
        f"{host} leads to {tenant.slug} in nl-BE",
        f"what is read at {host} is in nl",
        f"what is read at {host} is in the language that its reader prefers",
    ]
    with pytest.raises(CommandError, match="'flemish' is no language"):
        call_command("tenant", "host-language", host, "flemish")
    with pytest.raises(CommandError, match=r"No tenant has the host 'nobody\.test'"):
        call_command("tenant", "host-language", "nobody.test", "nl")

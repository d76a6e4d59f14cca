from catalog.collation import sort_key


def _sorted(names: list[str], language: str) -> list[str]:
    return sorted(names, key=lambda name: sort_key(name, language))


def test_each_language_has_its_own_order():
    names = ["zon", "öl", "appel", "ål", "Ei"]
    assert _sorted(names, "sv") == ["appel", "Ei", "zon", "ål", "öl"]
    assert _sorted(names, "de") == ["ål", "appel", "Ei", "öl", "zon"]


def test_letter_case_and_accents_matter_last_and_digits_count_by_value():
    assert _sorted(["Item 10", "item 9", "Item 9"], "en") == ["item 9", "Item 9", "Item 10"]

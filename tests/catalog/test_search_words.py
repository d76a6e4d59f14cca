"""Words of texts and queries, and which of them were mistyped. No database."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.search import documents
from catalog.search.texts import Texts, rich_words
from catalog.search.vocabulary import PREFIX, distance, edits_allowed, fragments
from catalog.search.words import LONGEST, code, fold, tokens, written


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Crème Brûlée", "creme brulee"),
        ("ŁÓDŹ straße Ærø", "lodz strasse aero"),
        ("Ελλάδα", "ελλαδα"),
        ("Ёлка Йод", "елка йод"),  # й is a letter of its own, and ё is often written е
        ("ＨＰ　Ｄｅｓｋ", "hp desk"),
        ("Intel® Core™2", "intel  core 2"),
        ("men's 15,6", "men 15.6"),
        ("كِتَاب", "كتاب"),
        ("snake_case", "snake case"),
    ],
)
def test_letters_that_count_as_one_are_one(text, folded):
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("Wi-Fi", [(("wifi",), ("wi", "fi"))]),
        ("CB-436A", [(("cb436a",), ("cb", "436a"))]),
        ("500GB", [(("500gb",), ("500", "gb"))]),
        ('15,6"', [(("15.6",),)]),
        ("DDR3", [(("ddr3",), ("ddr", "3"))]),
        ("i7", [(("i7",),)]),
        ("black/white", [(("black", "white"),)]),
        ("l’eau", [(("l",),), (("eau",),)]),
        ("東京の", [(("東京", "京の"),)]),
        ("茶", [(("茶",),)]),
        ("ソニーTV", [(("ソニ", "ニー"),), (("tv",),)]),
        ("กล้อง", [(("กล", "ล้", "้อ", "อง"),)]),
        ("कैमरा", [(("कैमरा",),)]),
        ("!?", []),
    ],
)
def test_words_are_found_whole_and_in_parts(text, ways):
    assert [token.ways for token in tokens(text)] == ways


def test_a_document_in_a_script_without_spaces_is_found_by_its_last_character_too():
    assert tokens("緑茶")[0].terms == ("緑茶", "茶")


@given(st.text(max_size=300))
def test_no_text_has_words_that_would_break_a_query(text):
    for token in tokens(text):
        for term in token.terms:
            assert term
            assert len(term) <= LONGEST
            assert not set(term) & set("'\\:&|!()<> \0")


@given(st.text(max_size=50))
def test_folding_twice_is_folding_once(text):
    assert [token.text for token in tokens(fold(text))] == [token.text for token in tokens(text)]


@pytest.mark.parametrize("typed", ["CB-436A", "cb436a", "cb 436 a", "CB_436.A"])
def test_part_numbers_are_compared_without_punctuation(typed):
    assert code(typed) == "cb436a"


def test_suggestions_show_words_as_they_are_written():
    assert written("Café CRÈME noir") == {"cafe": "café", "creme": "crème"}


def test_rich_text_is_read_in_every_block():
    document = {
        "blocks": [
            {"id": "x1", "type": "header", "data": {"text": "Made of <b>oak</b>", "level": 2}},
            {
                "type": "list",
                "data": {"style": "ordered", "items": ["one &amp; two", {"content": "three", "items": []}]},
            },
        ]
    }
    assert rich_words(document).split() == ["Made", "of", "oak", "one", "&", "two", "three"]


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [
        ("keyboard", "keyboard", 0),
        ("keybord", "keyboard", 1),
        ("keybaord", "keyboard", 1),  # neighbours swapped count as one
        ("kyeboadr", "keyboard", 2),
        ("ketboarf", "keyboard", 2),
        ("projecter", "projector", 1),
        ("abc", "keyboard", 3),
    ],
)
def test_distance_counts_typing_errors_up_to_a_bound(one, other, far):
    assert distance(one, other, 2) == far


@pytest.mark.parametrize(
    ("word", "edits"), [("usb", 0), ("mouse", 1), ("monitor", 1), ("keyboard", 2), ("ddr3ram", 0), ("x" * 31, 0)]
)
def test_longer_words_may_have_more_errors(word, edits):
    assert edits_allowed(word) == edits


_WORD = st.text("abcdefgh", min_size=8, max_size=14)


@given(_WORD, st.data())
def test_a_word_with_two_errors_meets_the_word_that_is_meant(word, data):
    typed = list(word)
    for _ in range(2):
        at = data.draw(st.integers(0, len(typed) - 1))
        letter = data.draw(st.sampled_from("abcdefgh"))
        match data.draw(st.sampled_from(["drop", "add", "change"])):
            case "drop":
                del typed[at]
            case "add":
                typed.insert(at, letter)
            case _:
                typed[at] = letter
    mistyped = "".join(typed)
    assert distance(mistyped, word, 2) <= 2
    assert fragments("en", word, 2) & fragments("en", mistyped, 2)


def test_the_entries_of_a_word_are_bounded_and_those_of_a_language_apart():
    assert len(fragments("en", "abcdefghijklmnopqrstuvwxyz", 2)) == 1 + PREFIX + PREFIX * (PREFIX - 1) // 2
    assert not fragments("en", "keyboard", 2) & fragments("nl", "keyboard", 2)


def test_a_document_has_a_bounded_size_whatever_its_texts():
    """The words for ranking stay in the row, which must fit into a page of 8 KB; part numbers take no words' place."""
    texts = Texts(UUID(int=1), "xx", "-".join(f"part{i}" for i in range(3000)), [f"SKU{i:09}" for i in range(9000)])
    texts.kinds = [f"{'w' * 39}{chr(97 + i % 26)}{i}" for i in range(5000)]
    texts.rest = [" ".join(f"word{i}" for i in range(50_000))]
    made = documents._document(documents.Marks("7xx"), texts, documents._parts(texts), {})
    words = made.words.split(" ")
    assert len(made.head.encode()) < 7_000
    assert documents.MOST_WORDS < len(words) <= documents.MOST_WORDS + documents.MOST_FOUND + documents.HIGHEST
    assert "'7xx.part0'" in words
    assert "'7xx#sku000000000'" in words

"""Rich text is shown as HTML by storefronts: what merchants and their tools write holds no script, at any door."""

import json

import pytest
from django.core.exceptions import ValidationError

from catalog.admin.fields import RichTextField
from catalog.imports import cells
from catalog.rich_text import clean_editorjs, clean_html, clean_url
from catalog.values import parse_value
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from tests.catalog.test_export_catalogue import THING, load, product, write
from tests.factories import catalog as make
from tests.rest.conftest import Office, make_key

BAD = 'Hi <script>steal()</script><a href="javascript:steal()" onclick="steal()">here</a>'
GOOD = 'Hi <a rel="noopener noreferrer">here</a>'


def document(text, **more):
    return {"blocks": [{"type": "paragraph", "data": {"text": text, **more}}], "version": "2.24.3"}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (BAD, GOOD),
        ("Fish & chips > 5 km", "Fish & chips > 5 km"),
        ('<b>bold</b> <i class="x">it</i> <mark class="cdx-marker">m</mark>', None),
        ('<a href="https://a.example/?b=1" target="_blank" rel="noopener noreferrer">a</a>', None),
        (
            '<a href="mailto:a@b.example">m</a> <a href="/about">r</a>',
            '<a href="mailto:a@b.example" rel="noopener noreferrer">m</a> '
            '<a href="/about" rel="noopener noreferrer">r</a>',
        ),
        ('<img src="x" onerror="steal()">', '<img src="x">'),
        ('<a href="data:text/html,<script>">d</a>', '<a rel="noopener noreferrer">d</a>'),
        ('<a href=" jAvA\tscript:steal()">j</a>', '<a rel="noopener noreferrer">j</a>'),
        ('<svg onload="steal()"></svg><iframe src="https://x.example"></iframe>ok', "ok"),
        ('<p style="position:fixed">over</p><style>p{}</style>', "<p>over</p>"),
        ("<ul><li>One<ul><li>Two</li></ul></li></ul>", None),
    ],
)
def test_html_keeps_its_markup_and_loses_its_scripts(text, cleaned):
    found = clean_html(text)
    assert found == (text if cleaned is None else cleaned)
    assert clean_html(found) == found, "what is clean stays as it is"


@pytest.mark.parametrize(
    ("url", "cleaned"),
    [
        ("https://a.example/b?c=d&e=f#g", "https://a.example/b?c=d&e=f#g"),
        ("/media/a.jpg", "/media/a.jpg"),
        ("//cdn.example/a.jpg", "//cdn.example/a.jpg"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("javascript:steal()", "#invalid"),
        (" \x01java\nscript:steal()", "#invalid"),
        ("DATA:text/html;base64,xxxx", "#invalid"),
        ("vbscript:steal()", "#invalid"),
        ('/a" onload="steal()', "/a%22%20onload=%22steal()"),
    ],
)
def test_addresses_have_a_scheme_that_cannot_run(url, cleaned):
    assert clean_url(url) == cleaned
    assert clean_url(cleaned) == cleaned


def test_every_text_of_every_block_is_cleaned():
    found = clean_editorjs(
        {
            "time": 1,
            "blocks": [
                {"id": "a", "type": "header", "data": {"text": BAD, "level": 2}},
                {"type": "list", "data": {"style": "ordered", "items": [BAD, {"content": BAD, "items": [BAD]}]}},
                {"type": "image", "data": {"file": {"url": "javascript:steal()"}, "caption": BAD, "stretched": True}},
                {"type": "embed", "data": {"source": "https://v.example/1", "embed": "javascript:steal()"}},
                {"type": "table", "data": {"content": [[BAD, "b"], ["c", "d"]]}},
                {"type": "raw", "data": {"html": BAD}},
                {"type": "delimiter", "data": {}},
            ],
            "version": "2.24.3",
        }
    )
    told = json.dumps(found)
    assert "steal" not in told
    assert [block["type"] for block in found["blocks"]] == [
        "header", "list", "image", "embed", "table", "raw", "delimiter",
    ]  # fmt: skip
    assert found["blocks"][0] == {"id": "a", "type": "header", "data": {"text": GOOD, "level": 2}}
    assert found["blocks"][2]["data"] == {"file": {"url": "#invalid"}, "caption": GOOD, "stretched": True}
    assert found["blocks"][3]["data"] == {"source": "https://v.example/1", "embed": "#invalid"}
    assert (found["time"], found["version"]) == (1, "2.24.3")


def test_what_is_no_document_is_refused():
    deep = document("x")
    for _ in range(60):
        deep["blocks"][0]["data"] = {"nested": deep["blocks"][0]["data"]}
    for wrong in (None, "text", [], {}, {"blocks": {}}, {"blocks": [{"type": "paragraph"}]}, deep, document("a\0b")):
        with pytest.raises(DomainError):
            clean_editorjs(wrong)
    with pytest.raises(DomainError, match="surrogate"):
        clean_editorjs(document("<b>\ud800</b>"))


def test_values_the_admin_and_imports_are_doors():
    wanted = document(GOOD)
    assert parse_value("rich-text", document(BAD)).rich_text == wanted
    assert RichTextField().clean(json.dumps(document(BAD))) == wanted
    assert cells.document_of(document(BAD)) == wanted
    assert cells.document_of(json.dumps(document(BAD))) == wanted
    with pytest.raises(ValidationError):
        RichTextField().clean('{"blocks": 1}')
    with pytest.raises(DomainError):
        cells.document_of({"blocks": 1})


@pytest.mark.parametrize("url", ["javascript:steal()", " JAVA\tscript:steal()", "data:text/html,x"])
def test_a_link_of_a_menu_runs_nothing(tenant, url):
    office = Office(tenant, make_key(tenant))
    with tenant_scope(tenant.id):
        item = make.make_menu_item(make.make_menu(), "Home", url="/home")
    told = office("PATCH", f"menu-items/{item.id}", {"url": url}, If_Match="*")
    assert (told.status_code, told.data["errors"][0]["field"]) == (422, "url")
    told = office("PATCH", f"menu-items/{item.id}", {"url": "https://a.example/?a=b"}, If_Match="*")
    assert (told.status_code, told.data["url"]) == (200, "https://a.example/?a=b")


def test_the_back_office_is_a_door(tenant, graphql):
    office = Office(tenant, make_key(tenant))
    with tenant_scope(tenant.id):
        product = make.make_product("Cup", slug="cup")
        page = make.make_page("About", slug="about")
    told = office("PATCH", f"products/{product.id}", {"description": document(BAD)}, If_Match="*")
    assert told.status_code == 200, told.data
    assert told.data["description"] == document(GOOD), "the answer tells what was kept"
    office("PATCH", f"pages/{page.id}", {"content": document(BAD)}, If_Match="*")
    query = '{product(slug: "cup", channel: "default-channel"){description} page(slug: "about"){content}}'
    shown = graphql(tenant, query)["data"]
    assert json.loads(shown["product"]["description"]) == document(GOOD)
    assert json.loads(shown["page"]["content"]) == document(GOOD)


def test_a_catalogue_and_its_translations_are_doors(tenant, graphql, tmp_path):
    words = {"nl": {"name": "Kop", "description": document(BAD)}}
    cup = product(
        description=document(BAD),
        translations=words,
        publications=[{"channel": "default-channel"}],
        variants=[{"sku": "A", "prices": [{"channel": "default-channel", "currency": "USD", "price": 500}]}],
    )
    _, refused = load(tenant, write(tmp_path / "in.jsonl", THING, cup, product("bad", description={"blocks": 1})))
    assert len(refused) == 1, "no document is refused"
    assert "EditorJS" in json.dumps(refused)
    shown = graphql(tenant, '{product(slug: "cup"){description translation(languageCode: NL){description}}}')["data"]
    assert json.loads(shown["product"]["description"]) == document(GOOD)
    assert json.loads(shown["product"]["translation"]["description"]) == document(GOOD)

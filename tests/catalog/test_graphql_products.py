"""One product at `/graphql/`: all of its page, in every language."""

import json
from datetime import UTC, datetime

import pytest

from catalog.models import Attribute, CollectionPublication, Product, ProductPublication, ProductTypeAttribute, Variant
from catalog.values import editorjs
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import make_channel, open_shop

InputType = Attribute.InputType


def gid(instance, kind=None):
    return to_global_id(kind or type(instance).__name__, instance.id)


@pytest.fixture(scope="module")
def boutique():
    """Return a shop with one product that has everything."""
    shop = open_shop(currency="EUR", languages=("en", "nl"))
    with tenant_scope(shop.id):
        fabric = make.make_attribute("Fabric", slug="fabric", input_type=InputType.MULTISELECT, values=["Wool", "Silk"])
        colour = make.make_attribute("Colour", slug="colour", input_type=InputType.SWATCH, values=["Navy|#000080"])
        size = make.make_attribute("Size", slug="size", values=["M", "L"])
        care = make.make_attribute("Care", slug="care", input_type=InputType.PLAIN_TEXT)
        hidden = make.make_attribute("Hidden", slug="hidden", values=["x"], visible_in_storefront=False)
        empty = make.make_attribute("Empty", slug="empty", input_type=InputType.NUMERIC)
        kind = make.make_product_type("Coat", slug="coat", attributes=[fabric, colour, care, hidden, empty])
        ProductTypeAttribute.objects.create(
            product_type=kind, attribute=size, on_variants=True, variant_selection=True, position=0
        )
        ProductTypeAttribute.objects.create(product_type=kind, attribute=care, on_variants=True, position=1)
        root = make.make_category("Clothes", slug="clothes")
        category = make.make_category("Coats", slug="coats", parent=root, description=editorjs("Warm."))
        text = make.make_value(care, "Wash cold")
        coat = make.make_product(
            "Coat", slug="coat", category=category, product_type=kind, variants=0, seo_title="A coat",
            metadata={"b": "2", "a": "1"}, description=editorjs("Long and warm."), external_reference="erp-1",
            rating=4.5,
            values=[*fabric.values.order_by("position"), colour.values.get(), text, hidden.values.get()],
        )  # fmt: skip
        medium, large = size.values.order_by("position")
        first = make.make_variant(coat, sku="COAT-M", name="M", price=9900, stock=3, values=[medium, text], position=0)
        second = make.make_variant(coat, sku="COAT-L", name="L", price=10900, stock=200, values=[large], position=1)
        make.make_variant(coat, sku="COAT-X", name="X", price=None, position=2)
        make.set_price(first, 9900, prior_price=8900)
        second.quantity_limit_per_customer = 7
        second.save(update_fields=["quantity_limit_per_customer"])
        picture = make.make_media(coat, url="https://pictures.example/front.jpg", alt="Front", position=0)
        make.make_media(coat, file="products/coat.mp4", type="VIDEO", alt="Moving", position=1)
        back = make.make_media(coat, file="products/back one.jpg", alt="Back", position=2, variants=[second])
        collection = make.make_collection("Winter", slug="winter", products=[coat])
        secret = make.make_collection("Secret", slug="secret", products=[coat], channels=[])
        CollectionPublication.objects.create(collection=secret, channel=make.the_channel(), is_published=False)
        make.make_translation(
            coat, "nl", name="Jas", slug="jas", description=editorjs("Lang en warm."), seo_title="Een jas"
        )
        make.make_translation(coat, "de", seo_description="Mantel")
        make.make_translation(first, "nl", name="M (NL)")
        make.make_translation(category, "nl", name="Jassen", slug="jassen")
        make.make_translation(collection, "nl", name="Wintertijd", slug="wintertijd")
        make.make_translation(fabric, "nl", name="Stof")
        make.make_translation(fabric.values.get(slug="wool"), "nl", name="Wol")
        make.make_translation(text, "nl", plain_text="Koud wassen")
    made = {
        "coat": coat, "first": first, "second": second, "picture": picture, "back": back, "category": category,
        "kind": kind, "collection": collection, "text": text, "fabric": fabric,
    }  # fmt: skip
    return shop, made


def test_product_page(graphql, boutique):
    shop, made = boutique
    answer = graphql(
        shop,
        """{product(slug: "coat", channel: "default-channel") {
          id name slug description descriptionJson seoTitle seoDescription externalReference channel rating
          isAvailable(address: {country: NL}) isAvailableForPurchase
          category { id name } productType { id name slug isShippingRequired } collections { id name }
          thumbnail(size: 512) { url alt } media { id alt type sortOrder url(size: 64, format: AVIF) }
          images { alt url sortOrder }
          metadata { key value } metafield(key: "a")
          pricing { priceRange { start { gross { amount currency } } stop { gross { amount } } } }
          defaultVariant { sku }
          variants {
            id name sku product { id } channel trackInventory quantityAvailable(countryCode: NL)
            quantityLimitPerCustomer media { alt } images { url }
            pricing { onSale discount { gross { amount } } price { gross { amount } }
                      priceUndiscounted { net { amount } }
                      pricePrior { gross { amount } } }
          } } }""",
    )
    document = json.dumps(editorjs("Long and warm."), separators=(",", ":"), ensure_ascii=False)
    product = answer["data"]["product"]
    assert json.loads(product.pop("description")) == json.loads(document)
    assert json.loads(product.pop("descriptionJson")) == json.loads(document)
    thumbnail = "https://pictures.example/front.jpg"
    files = f"http://{shop.host}/media/"
    front, video, back = (medium.pop("url") for medium in product["media"])
    assert front == thumbnail
    assert video.startswith(files)
    assert video.endswith("/products/coat.mp4")
    assert back == f"http://{shop.host}/thumbnail/{gid(made['back'], 'ProductMedia')}/64/avif/"
    largest = back.replace("/64/avif/", "/4096/")
    assert [image.pop("url") for image in product["images"]] == [front, largest]
    assert [[image["url"] for image in variant.pop("images")] for variant in product["variants"]] == [[], [largest]]
    assert product == {
        "id": gid(made["coat"]),
        "name": "Coat",
        "slug": "coat",
        "seoTitle": "A coat",
        "seoDescription": None,
        "externalReference": "erp-1",
        "channel": "default-channel",
        "rating": 4.5,
        "isAvailable": True,
        "isAvailableForPurchase": True,
        "category": {"id": gid(made["category"]), "name": "Coats"},
        "productType": {"id": gid(made["kind"]), "name": "Coat", "slug": "coat", "isShippingRequired": True},
        "collections": [{"id": gid(made["collection"]), "name": "Winter"}],
        "thumbnail": {"url": thumbnail, "alt": "Front"},
        "media": [
            {"id": gid(made["picture"], "ProductMedia"), "alt": "Front", "type": "IMAGE", "sortOrder": 0},
            {"id": product["media"][1]["id"], "alt": "Moving", "type": "VIDEO", "sortOrder": 1},
            {"id": gid(made["back"], "ProductMedia"), "alt": "Back", "type": "IMAGE", "sortOrder": 2},
        ],
        "images": [{"alt": "Front", "sortOrder": 0}, {"alt": "Back", "sortOrder": 2}],
        "metadata": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        "metafield": "1",
        "pricing": {
            "priceRange": {
                "start": {"gross": {"amount": 99.0, "currency": "EUR"}},
                "stop": {"gross": {"amount": 109.0}},
            }
        },
        "defaultVariant": {"sku": "COAT-M"},
        "variants": [
            {
                "id": gid(made["first"], "ProductVariant"),
                "name": "M",
                "sku": "COAT-M",
                "product": {"id": gid(made["coat"])},
                "channel": "default-channel",
                "trackInventory": True,
                "quantityAvailable": 3,
                "quantityLimitPerCustomer": None,
                "media": [],
                "pricing": {
                    "onSale": False,
                    "discount": None,
                    "price": {"gross": {"amount": 99.0}},
                    "priceUndiscounted": {"net": {"amount": 99.0}},
                    "pricePrior": {"gross": {"amount": 89.0}},
                },
            },
            {
                "id": gid(made["second"], "ProductVariant"),
                "name": "L",
                "sku": "COAT-L",
                "product": {"id": gid(made["coat"])},
                "channel": "default-channel",
                "trackInventory": True,
                "quantityAvailable": 7,
                "quantityLimitPerCustomer": 7,
                "media": [{"alt": "Back"}],
                "pricing": {
                    "onSale": False,
                    "discount": None,
                    "price": {"gross": {"amount": 109.0}},
                    "priceUndiscounted": {"net": {"amount": 109.0}},
                    "pricePrior": None,
                },
            },
        ],
    }


def test_attributes_of_product_and_variants_in_the_older_form(graphql, boutique):
    shop, made = boutique
    answer = graphql(
        shop,
        """{product(slug: "coat") {
          attributes { attribute { slug name inputType withChoices type }
                       values { name slug value plainText inputType } }
          variants { sku
            all: attributes { attribute { slug } values { slug plainText } }
            chosen: attributes(variantSelection: VARIANT_SELECTION) { attribute { slug } }
            others: attributes(variantSelection: NOT_VARIANT_SELECTION) { attribute { slug } } } } }""",
    )["data"]["product"]
    care = {
        "name": "Wash cold",
        "slug": made["text"].slug,
        "value": "",
        "plainText": "Wash cold",
        "inputType": "PLAIN_TEXT",
    }
    kinds = {"withChoices": True, "type": "PRODUCT_TYPE"}
    assert answer["attributes"] == [
        {
            "attribute": {"slug": "fabric", "name": "Fabric", "inputType": "MULTISELECT", **kinds},
            "values": [
                {"name": "Wool", "slug": "wool", "value": "", "plainText": None, "inputType": "MULTISELECT"},
                {"name": "Silk", "slug": "silk", "value": "", "plainText": None, "inputType": "MULTISELECT"},
            ],
        },
        {
            "attribute": {"slug": "colour", "name": "Colour", "inputType": "SWATCH", **kinds},
            "values": [{"name": "Navy", "slug": "navy", "value": "#000080", "plainText": None, "inputType": "SWATCH"}],
        },
        {
            "attribute": {
                "slug": "care",
                "name": "Care",
                "inputType": "PLAIN_TEXT",
                "withChoices": False,
                "type": "PRODUCT_TYPE",
            },
            "values": [care],
        },
    ]
    assert answer["variants"] == [
        {
            "sku": "COAT-M",
            "all": [
                {"attribute": {"slug": "size"}, "values": [{"slug": "m", "plainText": None}]},
                {"attribute": {"slug": "care"}, "values": [{"slug": made["text"].slug, "plainText": "Wash cold"}]},
            ],
            "chosen": [{"attribute": {"slug": "size"}}],
            "others": [{"attribute": {"slug": "care"}}],
        },
        {
            "sku": "COAT-L",
            "all": [
                {"attribute": {"slug": "size"}, "values": [{"slug": "l", "plainText": None}]},
            ],
            "chosen": [{"attribute": {"slug": "size"}}],
            "others": [],
        },
    ]


def test_every_kind_of_attribute_in_both_forms(graphql, tenant):
    rich = editorjs("Rich <b>text</b>")
    with tenant_scope(tenant.id):
        kinds = {
            InputType.NUMERIC: 2.5, InputType.RICH_TEXT: rich, InputType.PLAIN_TEXT: "Plain", InputType.BOOLEAN: True,
            InputType.DATE: "2026-03-01", InputType.DATE_TIME: "2026-03-01T10:00:00+00:00", InputType.DROPDOWN: "One",
            InputType.MULTISELECT: "Many", InputType.SWATCH: "Red|#ff0000",
        }  # fmt: skip
        attributes = {kind: make.make_attribute(kind, slug=f"a-{kind}", input_type=kind) for kind in kinds}
        values = [make.make_value(attributes[kind], raw) for kind, raw in kinds.items()]
        file = make.make_attribute("File", slug="b-file", input_type=InputType.FILE)
        values.append(
            file.values.create(
                attribute=file,
                slug="f",
                name="f",
                file_url="https://f.example/a.pdf",
                file_content_type="application/pdf",
            )
        )
        target = make.make_product("Target", slug="target")
        hidden = make.make_product("Hidden", published=False)
        category, collection = make.make_category("Referred"), make.make_collection("Referred")
        referred = {
            "Product": target,
            "ProductVariant": target.variants.get(),
            "Category": category,
            "Collection": collection,
        }
        references = []
        for kind, instance in referred.items():
            for input_type in (InputType.REFERENCE, InputType.SINGLE_REFERENCE):
                attribute = make.make_attribute(kind, slug=f"c-{kind.lower()}-{input_type}", input_type=input_type)
                references.append(attribute)
                held = {"attribute": attribute, "name": "x", "reference_kind": kind}
                values.append(attribute.values.create(slug="x", reference_id=instance.id, **held))
        many = references[0]
        values.append(
            many.values.create(attribute=many, name="y", slug="y", reference_kind="Product", reference_id=hidden.id)
        )
        unset = make.make_attribute("Unset", slug="d-unset", input_type=InputType.REFERENCE)
        shown = [*attributes.values(), file, *references, unset]
        made = make.make_product(
            "All", slug="all", product_type=make.make_product_type("All", attributes=shown), values=values
        )
    newer = graphql(
        tenant,
        """{product(slug: "all") { assignedAttributes { __typename attribute { slug }
          ... on AssignedNumericAttribute { number: value }
          ... on AssignedTextAttribute { text: value }
          ... on AssignedPlainTextAttribute { plain: value }
          ... on AssignedBooleanAttribute { yes: value }
          ... on AssignedDateAttribute { date: value }
          ... on AssignedDateTimeAttribute { instant: value }
          ... on AssignedFileAttribute { file: value { url contentType } }
          ... on AssignedSingleChoiceAttribute { choice: value { name slug } }
          ... on AssignedMultiChoiceAttribute { choices: value { name slug } }
          ... on AssignedSwatchAttribute { swatch: value { name slug hexColor file { url } } }
          ... on AssignedSingleProductReferenceAttribute { product: value { slug } }
          ... on AssignedMultiProductReferenceAttribute { products: value { slug } }
          ... on AssignedSingleProductVariantReferenceAttribute { variant: value { product { slug } } }
          ... on AssignedMultiProductVariantReferenceAttribute { variants: value { product { slug } } }
          ... on AssignedSingleCategoryReferenceAttribute { category: value { name } }
          ... on AssignedMultiCategoryReferenceAttribute { categories: value { name } }
          ... on AssignedSingleCollectionReferenceAttribute { collection: value { name } }
          ... on AssignedMultiCollectionReferenceAttribute { collections: value { name } }
        } } }""",
    )["data"]["product"]["assignedAttributes"]
    found = {}
    for assigned in newer:
        slug = assigned.pop("attribute")["slug"]
        found[slug] = (assigned.pop("__typename"), *assigned.values())
    assert found == {
        "a-numeric": ("AssignedNumericAttribute", 2.5),
        "a-rich-text": ("AssignedTextAttribute", rich),
        "a-plain-text": ("AssignedPlainTextAttribute", "Plain"),
        "a-boolean": ("AssignedBooleanAttribute", True),
        "a-date": ("AssignedDateAttribute", "2026-03-01"),
        "a-date-time": ("AssignedDateTimeAttribute", "2026-03-01T10:00:00+00:00"),
        "a-dropdown": ("AssignedSingleChoiceAttribute", {"name": "One", "slug": "one"}),
        "a-multiselect": ("AssignedMultiChoiceAttribute", [{"name": "Many", "slug": "many"}]),
        "a-swatch": ("AssignedSwatchAttribute", {"name": "Red", "slug": "red", "hexColor": "#ff0000", "file": None}),
        "b-file": ("AssignedFileAttribute", {"url": "https://f.example/a.pdf", "contentType": "application/pdf"}),
        "c-product-reference": ("AssignedMultiProductReferenceAttribute", [{"slug": "target"}]),
        "c-product-single-reference": ("AssignedSingleProductReferenceAttribute", {"slug": "target"}),
        "c-productvariant-reference": (
            "AssignedMultiProductVariantReferenceAttribute",
            [{"product": {"slug": "target"}}],
        ),
        "c-productvariant-single-reference": (
            "AssignedSingleProductVariantReferenceAttribute",
            {"product": {"slug": "target"}},
        ),
        "c-category-reference": ("AssignedMultiCategoryReferenceAttribute", [{"name": "Referred"}]),
        "c-category-single-reference": ("AssignedSingleCategoryReferenceAttribute", {"name": "Referred"}),
        "c-collection-reference": ("AssignedMultiCollectionReferenceAttribute", [{"name": "Referred"}]),
        "c-collection-single-reference": ("AssignedSingleCollectionReferenceAttribute", {"name": "Referred"}),
    }
    older = graphql(
        tenant,
        """{product(slug: "all") { attributes { attribute { slug } values {
          name boolean date dateTime plainText richText file { url } reference } } } }""",
    )["data"]["product"]["attributes"]
    by_slug = {selected["attribute"]["slug"]: selected["values"] for selected in older}
    assert by_slug["a-boolean"][0]["boolean"] is True
    assert by_slug["a-date"][0]["date"] == "2026-03-01"
    assert by_slug["a-date-time"][0]["dateTime"] == "2026-03-01T10:00:00+00:00"
    assert by_slug["a-plain-text"][0]["plainText"] == "Plain"
    assert json.loads(by_slug["a-rich-text"][0]["richText"]) == rich
    assert by_slug["b-file"][0]["file"] == {"url": "https://f.example/a.pdf"}
    assert by_slug["c-collection-single-reference"][0]["reference"] == gid(collection)
    assert "d-unset" not in by_slug
    one = graphql(
        tenant,
        """{product(slug: "all") { a: assignedAttribute(slug: "a-numeric") { ... on AssignedNumericAttribute { value } }
          none: assignedAttribute(slug: "nothing") { attribute { slug } }
          few: assignedAttributes(limit: 2) { attribute { slug } } } }""",
    )["data"]["product"]
    assert one == {
        "a": {"value": 2.5},
        "none": None,
        "few": [{"attribute": {"slug": "a-numeric"}}, {"attribute": {"slug": "a-rich-text"}}],
    }
    assert made.slug == "all"


def test_translations(graphql, boutique):
    shop, _ = boutique
    answer = graphql(
        shop,
        """{product(slug: "coat") {
          name nl: translation(languageCode: NL) { name slug seoTitle seoDescription description
                                              language { code language } }
          de: translation(languageCode: DE) { name seoDescription } fr: translation(languageCode: FR) { name }
          category { translation(languageCode: NL) { name slug } }
          collections { translation(languageCode: NL) { name slug } }
          variants { sku translation(languageCode: NL) { name } }
          attributes { attribute { slug translation(languageCode: NL) { name } }
                       values { slug translation(languageCode: NL) { name plainText } } }
          fabric: assignedAttribute(slug: "fabric") {
            ... on AssignedMultiChoiceAttribute { value { translation(languageCode: NL) } } }
          care: assignedAttribute(slug: "care") {
            ... on AssignedPlainTextAttribute { translation(languageCode: NL) none: translation(languageCode: FR) } }
        } }""",
    )["data"]["product"]
    assert json.loads(answer["nl"].pop("description")) == editorjs("Lang en warm.")
    selected = {found["attribute"]["slug"]: found for found in answer.pop("attributes")}
    assert answer == {
        "name": "Coat",
        "nl": {
            "name": "Jas",
            "slug": "jas",
            "seoTitle": "Een jas",
            "seoDescription": None,
            "language": {"code": "NL", "language": "Dutch"},
        },
        "de": {"name": None, "seoDescription": "Mantel"},
        "fr": None,
        "category": {"translation": {"name": "Jassen", "slug": "jassen"}},
        "collections": [{"translation": {"name": "Wintertijd", "slug": "wintertijd"}}],
        "variants": [
            {"sku": "COAT-M", "translation": {"name": "M (NL)"}},
            {"sku": "COAT-L", "translation": None},
        ],
        "fabric": {"value": [{"translation": "Wol"}, {"translation": None}]},
        "care": {"translation": "Koud wassen", "none": None},
    }
    assert selected["fabric"]["attribute"]["translation"] == {"name": "Stof"}
    assert selected["colour"]["attribute"]["translation"] is None
    assert [value["translation"] for value in selected["fabric"]["values"]] == [
        {"name": "Wol", "plainText": None},
        None,
    ]
    # A value whose name is not translated keeps its own, as the dialect promises a name.
    assert selected["care"]["values"][0]["translation"] == {"name": "Wash cold", "plainText": "Koud wassen"}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ('slug: "coat"', True),
        ('slug: "jas"', True),  # without a language, one of any
        ('slug: "jas", slugLanguageCode: NL', True),
        ('slug: "coat", slugLanguageCode: NL', False),  # its slug in Dutch is another
        ('slug: "coat", slugLanguageCode: DE', True),  # it has none in German
        ('slug: "jas", slugLanguageCode: DE', False),
        ('externalReference: "erp-1"', True),
        ('externalReference: "erp-2"', False),
        ('slug: "coat", channel: "default-channel"', True),
        ('slug: "coat", channel: "nowhere"', False),
    ],
)
def test_product_is_found_by(graphql, boutique, arguments, found):
    shop, made = boutique
    answer = graphql(shop, "{product(" + arguments + "){id}}")
    assert answer == {"data": {"product": {"id": gid(made["coat"])} if found else None}}


@pytest.mark.parametrize("kind", ["category", "collection"])
def test_groups_are_found_by_translated_slug(graphql, boutique, kind):
    shop, made = boutique
    own, dutch = {"category": ("coats", "jassen"), "collection": ("winter", "wintertijd")}[kind]
    wanted = {"data": {kind: {"id": gid(made[kind])}}}
    for slug, language, found in ((own, None, True), (dutch, "NL", True), (own, "NL", False), (own, "FR", True)):
        code = f", slugLanguageCode: {language}" if language else ""
        answer = graphql(shop, '{%s(slug: "%s"%s){id}}' % (kind, slug, code))  # noqa: UP031
        assert answer == (wanted if found else {"data": {kind: None}})


def test_variant_is_found_by_id_sku_and_reference(graphql, boutique):
    shop, made = boutique
    wanted = {"data": {"productVariant": {"name": "M", "product": {"name": "Coat"}}}}
    fields = "{name product{name}}"
    variant_id = gid(made["first"], "ProductVariant")
    assert graphql(shop, "query($id: ID){productVariant(id: $id)" + fields + "}", id=variant_id) == wanted
    assert graphql(shop, '{productVariant(sku: "COAT-M")' + fields + "}") == wanted
    assert graphql(shop, '{productVariant(sku: "COAT-X")' + fields + "}") == {
        "data": {"productVariant": None}
    }  # no price
    assert graphql(shop, '{productVariant(sku: "NONE")' + fields + "}") == {"data": {"productVariant": None}}


def test_variants_page_by_page(graphql, boutique):
    shop, _ = boutique
    query = """query($first: Int, $after: String, $last: Int, $before: String) {product(slug: "coat") {
      productVariants(first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage endCursor startCursor } edges { cursor node { sku } } } } }"""
    page = graphql(shop, query, first=1)["data"]["product"]["productVariants"]
    assert (page["totalCount"], [edge["node"]["sku"] for edge in page["edges"]]) == (2, ["COAT-M"])
    assert page["pageInfo"]["hasNextPage"] is True
    second = graphql(shop, query, first=1, after=page["pageInfo"]["endCursor"])["data"]["product"]["productVariants"]
    assert [edge["node"]["sku"] for edge in second["edges"]] == ["COAT-L"]
    assert second["pageInfo"]["hasNextPage"] is False
    back = graphql(shop, query, last=5, before=second["pageInfo"]["startCursor"])["data"]["product"]["productVariants"]
    assert [edge["node"]["sku"] for edge in back["edges"]] == ["COAT-M"]


def test_choices_of_an_attribute_page_by_page(graphql, boutique):
    shop, _ = boutique
    query = """query($first: Int, $after: String) {product(slug: "coat") { attributes { attribute { slug
      choices(first: $first, after: $after) { totalCount pageInfo { endCursor hasNextPage }
        edges { node { slug } } } } } } }"""
    pages = {
        found["attribute"]["slug"]: found["attribute"]["choices"]
        for found in graphql(shop, query, first=1)["data"]["product"]["attributes"]
    }
    assert pages["care"] is None
    assert [edge["node"]["slug"] for edge in pages["fabric"]["edges"]] == ["wool"]
    assert (pages["fabric"]["totalCount"], pages["fabric"]["pageInfo"]["hasNextPage"]) == (2, True)
    onward = graphql(shop, query, first=9, after=pages["fabric"]["pageInfo"]["endCursor"])["data"]["product"][
        "attributes"
    ]
    assert [edge["node"]["slug"] for edge in onward[0]["attribute"]["choices"]["edges"]] == ["silk"]


def test_quantity_is_what_the_channels_warehouses_have_free_and_never_above_50(graphql, tenant):
    with tenant_scope(tenant.id):
        here = make.make_warehouse("Here")
        elsewhere = make.make_warehouse("Elsewhere", channels=[])
        product = make.make_product("P", slug="p", variants=0)
        for sku, free, kept in (("few", 3, 9), ("none", 0, 9), ("much", 51, 0)):
            variant = make.make_variant(product, sku=sku, stock=free, warehouse=here)
            make.set_stock(variant, kept, warehouse=elsewhere)
        make.make_variant(product, sku="untracked", stock=0, warehouse=here, track_inventory=False)
        reserved = Variant.objects.get(sku="few").stocks.get(warehouse=here)
        reserved.reserved = 1
        reserved.save(update_fields=["reserved"])
    answer = graphql(tenant, '{product(slug: "p"){variants{sku quantityAvailable}}}')["data"]["product"]["variants"]
    assert {row["sku"]: row["quantityAvailable"] for row in answer} == {
        "few": 2,
        "none": 0,
        "much": 50,
        "untracked": 50,
    }


def test_product_is_available_while_published_for_sale_and_in_stock(graphql, tenant):
    with tenant_scope(tenant.id):
        make.make_product("Sold", slug="sold", stock=1)
        make.make_product("Out", slug="out", stock=0)
        held = make.make_product("Held", slug="held", stock=1)
        ProductPublication.objects.filter(product=held).update(is_available_for_purchase=False)
        make.refresh(held)
    for slug, available in (("sold", True), ("out", False), ("held", False)):
        answer = graphql(tenant, "query($slug: String){product(slug: $slug){isAvailable}}", slug=slug)
        assert answer == {"data": {"product": {"isAvailable": available}}}


def test_what_is_not_published_here_and_now_is_not_found(graphql, tenant):
    with tenant_scope(tenant.id):
        other = make_channel(slug="other")
        products = [
            make.make_product("Draft", slug="draft", published=False),
            make.make_product("Unpriced", slug="unpriced", price=None),
            make.make_product("Elsewhere", slug="elsewhere", channels=[other]),
            make.make_product("Future", slug="future"),
        ]
        ProductPublication.objects.filter(product=products[-1]).update(published_at=datetime(2200, 1, 1, tzinfo=UTC))
        make.refresh(*products)
        skus = [product.variants.get().sku for product in products]
    for product, sku in zip(products, skus, strict=True):
        query = """query($id: ID, $slug: String, $sku: String) {
          a: product(id: $id, channel: "default-channel") { id }
          b: product(slug: $slug, channel: "default-channel") { id }
          c: productVariant(sku: $sku, channel: "default-channel") { id } }"""
        answer = graphql(tenant, query, id=gid(product), slug=product.slug, sku=sku)
        assert answer == {"data": {"a": None, "b": None, "c": None}}
    found = graphql(tenant, '{product(slug: "elsewhere", channel: "other"){name}}')
    assert found == {"data": {"product": {"name": "Elsewhere"}}}


def test_unlisted_product_is_found_by_who_knows_it(graphql, tenant):
    with tenant_scope(tenant.id):
        product = make.make_product("Unlisted", slug="unlisted")
        ProductPublication.objects.filter(product=product).update(visible_in_listings=False)
        make.refresh(product)
    assert graphql(tenant, '{product(slug: "unlisted"){name}}') == {"data": {"product": {"name": "Unlisted"}}}


def test_nothing_of_another_shop_is_found(graphql, tenant, other_tenant):
    with tenant_scope(other_tenant.id):
        theirs = make.make_product("Theirs", slug="same", external_reference="same")
        variant = theirs.variants.get()
    query = """query($id: ID, $variant: ID, $sku: String) {
      a: product(id: $id) { id } b: product(slug: "same") { id } c: product(externalReference: "same") { id }
      d: productVariant(id: $variant) { id } e: productVariant(sku: $sku) { id } }"""
    variables = {"id": gid(theirs), "variant": gid(variant, "ProductVariant"), "sku": variant.sku}
    assert set(graphql(tenant, query, **variables)["data"].values()) == {None}
    assert None not in graphql(other_tenant, query, **variables)["data"].values()


def test_description_is_null_where_there_is_none(graphql, tenant):
    with tenant_scope(tenant.id):
        make.make_product("None", slug="none", description=None)
        make.make_product("Empty", slug="empty", description={})
    for slug in ("none", "empty"):
        answer = graphql(tenant, "query($s: String){product(slug: $s){description}}", s=slug)
        assert answer == {"data": {"product": {"description": None}}}
        listed = graphql(tenant, '{products(first: 5, channel: "default-channel"){edges{node{description seoTitle}}}}')
        assert listed["data"]["products"]["edges"] == [{"node": {"description": None, "seoTitle": None}}] * 2


def test_times_are_instants_with_their_offset(graphql, tenant):
    with tenant_scope(tenant.id):
        product = make.make_product("P", slug="p")
        product = Product.objects.get(id=product.id)
    answer = graphql(tenant, '{product(slug: "p"){created updatedAt}}')["data"]["product"]
    assert answer == {"created": product.created_at.isoformat(), "updatedAt": product.updated_at.isoformat()}

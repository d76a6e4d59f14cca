"""The queries of search, feed and content apps: they select what an app alone may see."""

from django.utils import timezone

from catalog.models import ProductPublication
from catalog.operations import save
from commerce.db.scope import tenant_scope
from tests.factories import catalog as make
from tests.factories.tenants import make_channel
from tests.webhooks.test_payloads import listen

PRODUCT = """subscription { event { __typename ... on ProductUpdated { product { channel
  channelListings { channel { slug currencyCode } isPublished visibleInListings
    pricing { priceRange { start { gross { amount } } } } }
  variants { sku weight { unit value } stocks { quantity warehouse { slug } }
    channelListings { channel { slug } price { amount currency } } } } } recipient { webhooks { id } } } }"""
VARIANT = """subscription { event { __typename ... on ProductVariantUpdated { productVariant {
  sku quantityAvailable channelListings { channel { slug } price { amount } }
  product { name channelListings { isPublished } collections { channelListings { isPublished } } } } } } }"""


def test_an_app_is_told_how_a_product_is_offered(tenant, receiver, bodies):
    with tenant_scope(tenant.id):
        second = make_channel(slug="second", currency="USD")
        shirt = make.make_product("Shirt", slug="shirt", channels=[tenant.channel, second])
        variant = shirt.variants.get()
        make.set_price(variant, 2000, channel=second)
        ProductPublication.objects.filter(channel=second).update(is_published=False)
        make.refresh(shirt)
        make.make_collection("Summer", slug="summer", products=[shirt])
    listen(tenant, receiver.url, PRODUCT, "PRODUCT_UPDATED", permissions=("MANAGE_PRODUCTS",))
    listen(tenant, receiver.url, VARIANT, "PRODUCT_VARIANT_UPDATED", permissions=("MANAGE_PRODUCTS",))
    with tenant_scope(tenant.id):
        shirt.name = "Red shirt"
        save(shirt, now=timezone.now())
        variant.weight_grams = 150
        save(variant, now=timezone.now())
    of_product, of_variant = bodies()
    assert not {"errors"} & {*of_product, *of_variant}
    told = of_product["product"]
    here, there = sorted(told["channelListings"], key=lambda offer: offer["channel"]["slug"])
    assert (here["isPublished"], here["pricing"]["priceRange"]["start"]["gross"]["amount"]) == (True, 10.0)
    assert (there["isPublished"], there["channel"]["currencyCode"]) == (False, "USD")
    (sold,) = told["variants"]
    assert {(offer["channel"]["slug"], offer["price"]["amount"]) for offer in sold["channelListings"]} == {
        ("default-channel", 10.0),
        ("second", 20.0),
    }
    assert [row["quantity"] for row in sold["stocks"]] == [5]
    product = of_variant["productVariant"]["product"]
    assert product["name"] == "Red shirt"
    assert [offer["isPublished"] for offer in product["channelListings"]] == [True, False]
    assert product["collections"] == [{"channelListings": [{"isPublished": True}]}]

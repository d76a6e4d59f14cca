"""What products and variants cost. No taxes are reckoned yet: the tax is 0 and net is gross."""

from typing import NamedTuple

import graphene

from catalog.queries.rows import ProductRow, VariantRow
from commerce.graphql.money import TaxedMoneyRangeType, TaxedMoneyType
from commerce.money import Money, TaxedMoney, TaxedMoneyRange

_LOCALLY = "in the currency of the shopper's country: a channel has one currency, so that there is none."


class ProductPrices(NamedTuple):
    on_sale: bool
    discount: TaxedMoney | None
    price_range: TaxedMoneyRange
    price_range_undiscounted: TaxedMoneyRange
    display_gross_prices: bool = True
    discount_local_currency: None = None
    price_range_local_currency: None = None


class VariantPrices(NamedTuple):
    on_sale: bool
    discount: TaxedMoney | None
    price: TaxedMoney
    price_undiscounted: TaxedMoney
    price_prior: TaxedMoney | None
    discount_prior: TaxedMoney | None
    discount_local_currency: None = None
    price_local_currency: None = None


class ProductPricingInfo(graphene.ObjectType):
    """What the variants of a product cost in a channel."""

    class Meta:
        possible_types = (ProductPrices,)

    on_sale = graphene.Boolean(description="Whether a variant is reduced.")
    discount = graphene.Field(TaxedMoneyType, description="What the cheapest variant is reduced by.")
    price_range = graphene.Field(TaxedMoneyRangeType, description="The prices of the variants.")
    price_range_undiscounted = graphene.Field(TaxedMoneyRangeType, description="Their prices before reductions.")
    discount_local_currency = graphene.Field(TaxedMoneyType, description=f"The same {_LOCALLY}")
    price_range_local_currency = graphene.Field(TaxedMoneyRangeType, description=f"The prices {_LOCALLY}")
    display_gross_prices = graphene.Boolean(required=True, description="Whether shoppers are shown prices with tax.")


class VariantPricingInfo(graphene.ObjectType):
    """What a variant costs in a channel."""

    class Meta:
        possible_types = (VariantPrices,)

    on_sale = graphene.Boolean(description="Whether it is reduced.")
    discount = graphene.Field(TaxedMoneyType, description="What it is reduced by.")
    price = graphene.Field(TaxedMoneyType, description="The price.")
    price_undiscounted = graphene.Field(TaxedMoneyType, description="The price before a reduction.")
    price_prior = graphene.Field(TaxedMoneyType, description="The lowest price of the 30 days before a reduction.")
    discount_prior = graphene.Field(TaxedMoneyType, description="How far the price is below that one.")
    discount_local_currency = graphene.Field(TaxedMoneyType, description=f"The reduction {_LOCALLY}")
    price_local_currency = graphene.Field(TaxedMoneyType, description=f"The price {_LOCALLY}")


def product_prices(row: ProductRow) -> ProductPrices | None:
    """Return the prices of a product, None where there is nothing to buy."""
    if row.price_min is None or row.price_max is None or row.currency is None:
        return None
    before = row.undiscounted_min if row.undiscounted_min is not None else row.price_min
    before_max = row.undiscounted_max if row.undiscounted_max is not None else row.price_max
    return ProductPrices(
        on_sale=row.on_sale,
        discount=_untaxed(before - row.price_min, row.currency) if before > row.price_min else None,
        price_range=TaxedMoneyRange(_untaxed(row.price_min, row.currency), _untaxed(row.price_max, row.currency)),
        price_range_undiscounted=TaxedMoneyRange(_untaxed(before, row.currency), _untaxed(before_max, row.currency)),
    )


def variant_prices(row: VariantRow) -> VariantPrices | None:
    """Return the prices of a variant, None where it has none."""
    if row.price is None or row.currency is None:
        return None
    price = _untaxed(row.price, row.currency)
    prior, below = None, None
    if row.prior_price is not None:
        prior = _untaxed(row.prior_price, row.currency)
        below = _untaxed(row.prior_price - row.price, row.currency) if row.prior_price > row.price else None
    return VariantPrices(
        on_sale=False, discount=None, price=price, price_undiscounted=price, price_prior=prior, discount_prior=below
    )


def _untaxed(minor: int, currency: str) -> TaxedMoney:
    amount = Money(minor, currency)
    return TaxedMoney(net=amount, gross=amount)

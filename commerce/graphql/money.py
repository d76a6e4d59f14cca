"""The dialect's types of money, over the values of commerce.money."""

from collections.abc import Sequence

import graphene

from commerce import money
from commerce.graphql.batch import batch
from commerce.graphql.context import Context
from commerce.graphql.info import Info


class MoneyType(graphene.ObjectType):
    """An amount of money in a currency."""

    class Meta:
        name = "Money"
        possible_types = (money.Money,)

    currency = graphene.String(required=True, description="The ISO 4217 code.")
    amount = graphene.Float(required=True, description="The amount, quantised to the currency.")
    fractional_amount = graphene.Int(required=True, description="The amount in minor units, such as cents.")
    fraction_digits = graphene.Int(required=True, description="How many decimal digits the currency has.")

    @batch
    def resolve_amount(rows: Sequence[money.Money], info: Info[Context]) -> list[float]:
        return [row.minor / 10**row.fraction_digits for row in rows]  # the nearest double, as of the Decimal


class TaxedMoneyType(graphene.ObjectType):
    """A price without and with its tax."""

    class Meta:
        name = "TaxedMoney"
        possible_types = (money.TaxedMoney,)

    currency = graphene.String(required=True, description="The ISO 4217 code.")
    gross = graphene.Field(MoneyType, required=True, description="The price with tax.")
    net = graphene.Field(MoneyType, required=True, description="The price without tax.")
    tax = graphene.Field(MoneyType, required=True, description="The tax.")


class TaxedMoneyRangeType(graphene.ObjectType):
    """The lowest and the highest of several prices."""

    class Meta:
        name = "TaxedMoneyRange"
        possible_types = (money.TaxedMoneyRange,)

    start = graphene.Field(TaxedMoneyType, description="The lowest price.")
    stop = graphene.Field(TaxedMoneyType, description="The highest price.")

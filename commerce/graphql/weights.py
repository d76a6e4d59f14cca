"""Weights: kept in whole grams, told in kilograms."""

from typing import NamedTuple

import graphene


class Kilograms(NamedTuple):
    value: float
    unit: str = "kg"


class WeightUnitsEnum(graphene.Enum):
    """A unit of weight."""

    G = "g"
    LB = "lb"
    OZ = "oz"
    KG = "kg"
    TONNE = "tonne"


class Weight(graphene.ObjectType):
    """A weight in its unit."""

    class Meta:
        possible_types = (Kilograms,)

    unit = graphene.Field(WeightUnitsEnum, required=True, description="The unit; of the catalogue always kilograms.")
    value = graphene.Float(required=True, description="How many of them.")


def weight_of(grams: int | None) -> Kilograms | None:
    """Return a weight in kilograms, None where it is not known."""
    return None if grams is None else Kilograms(grams / 1000)

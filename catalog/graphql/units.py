"""Units of numeric attributes. A merchant may write any unit; those of the dialect are told by their names there."""

import graphene


class MeasurementUnitsEnum(graphene.Enum):
    """A unit of measurement."""

    MM = "mm"
    CM = "cm"
    DM = "dm"
    M = "m"
    KM = "km"
    FT = "ft"
    YD = "yd"
    INCH = "in"
    SQ_MM = "mm²"
    SQ_CM = "cm²"
    SQ_DM = "dm²"
    SQ_M = "m²"
    SQ_KM = "km²"
    SQ_FT = "ft²"
    SQ_YD = "yd²"
    SQ_INCH = "in²"
    CUBIC_MILLIMETER = "mm³"
    CUBIC_CENTIMETER = "cm³"
    CUBIC_DECIMETER = "dm³"
    CUBIC_METER = "m³"
    LITER = "l"
    CUBIC_FOOT = "ft³"
    CUBIC_INCH = "in³"
    CUBIC_YARD = "yd³"
    QT = "qt"
    PINT = "pint"
    FL_OZ = "fl oz"
    ACRE_IN = "acre in"
    ACRE_FT = "acre ft"
    G = "g"
    LB = "lb"
    OZ = "oz"
    KG = "kg"
    TONNE = "t"


_KNOWN: dict[str, str] = {}
for _name, _unit in MeasurementUnitsEnum._meta.enum.__members__.items():
    _KNOWN |= {_name.lower(): _unit.value, _unit.value: _unit.value}


def known_unit(text: str) -> str | None:
    """Return the dialect's unit that a merchant means: by its sign (cm², l) or its name (SQ_CM); None for others."""
    return _KNOWN.get(text.strip().lower())

"""Money is an integer of minor units and an ISO 4217 currency; rounding happens in one place, here."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from babel.numbers import list_currencies

from commerce.errors import DomainError

MAX_MINOR = 2**63 - 1  # PostgreSQL's bigint

# ISO 4217 list one (2024): the minor units that are not 2. CLDR differs, as it counts the digits in use.
_DIGITS = {
    **dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"], 0
    ),
    **dict.fromkeys(["XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
_AMOUNT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)


class InvalidAmount(DomainError):
    """An amount that is no number, or not one of its currency."""


class UnknownCurrency(DomainError):
    """A code that no currency has or had."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of `minor` units (cents) of an ISO 4217 `currency`. Arithmetic is exact and stays in a currency."""

    minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """The amount in major units, with exactly the currency's digits."""
        return from_minor(self.minor, self.currency)

    @property
    def fractional_amount(self) -> int:
        return self.minor

    @property
    def fraction_digits(self) -> int:
        return currency_digits(self.currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same_currency(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same_currency(other), self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.minor * quantity, self.currency)

    def _same_currency(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up.")
        return other.minor


@dataclass(frozen=True, slots=True)
class TaxedMoney:
    """A price without and with its tax, in one currency."""

    net: Money
    gross: Money

    @property
    def tax(self) -> Money:
        return self.gross - self.net

    @property
    def currency(self) -> str:
        return self.gross.currency


@dataclass(frozen=True, slots=True)
class TaxedMoneyRange:
    """The lowest and the highest of several prices."""

    start: TaxedMoney
    stop: TaxedMoney


@cache
def currency_digits(currency: str) -> int:
    """Return how many decimal digits an ISO 4217 currency has, or raise UnknownCurrency."""
    if currency not in list_currencies():
        raise UnknownCurrency(f"{currency!r} is not a currency of ISO 4217.")
    return _DIGITS.get(currency, 2)


def to_minor(amount: Decimal | str, currency: str) -> int:
    """Return the minor units of an exact amount in major units ("12.50" EUR is 1250).

    Raises InvalidAmount for what is no plain decimal number, has more digits than the currency, or
    exceeds what the database holds; UnknownCurrency. Nothing is rounded.
    """
    digits = currency_digits(currency)
    if isinstance(amount, str) and not _AMOUNT.fullmatch(amount):
        raise InvalidAmount(f"{amount[:50]!r} is not an amount of money.")
    number = Decimal(amount)
    if not number.is_finite() or number.adjusted() + digits > 18:
        raise InvalidAmount(f"{amount!s:.50} is not an amount of money.")
    if number != round(number, digits):
        raise InvalidAmount(f"{amount!s:.50} has more than the {digits} decimal digits of {currency}.")
    return _bounded(int(number.scaleb(digits)))


def from_minor(minor: int, currency: str) -> Decimal:
    """Return minor units as an amount in major units, with exactly the currency's digits."""
    return Decimal(minor).scaleb(-currency_digits(currency))


def round_to_minor(amount: Decimal, currency: str) -> int:
    """Round an amount in major units to the currency's minor units, halves away from zero.

    The one place where money is rounded: a share, a percentage, a conversion. Raises InvalidAmount for
    what is not finite or exceeds what the database holds.
    """
    digits = currency_digits(currency)
    if not amount.is_finite() or amount.adjusted() + digits > 18:
        raise InvalidAmount(f"{amount!s:.50} is not an amount of money.")
    return _bounded(int(amount.scaleb(digits).to_integral_value(ROUND_HALF_UP)))


def _bounded(minor: int) -> int:
    if abs(minor) > MAX_MINOR:
        raise InvalidAmount(f"{minor} minor units are more than can be kept.")
    return minor

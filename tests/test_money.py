from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.money import (
    InvalidAmount,
    Money,
    TaxedMoney,
    UnknownCurrency,
    currency_digits,
    from_minor,
    round_to_minor,
    to_minor,
)

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "CLF"])


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0), ("HUF", 2), ("TWD", 2), ("IQD", 3), ("LAK", 2)],
)
def test_digits_are_those_of_iso_4217(currency, digits):
    assert currency_digits(currency) == digits


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "ABC", "€"])
def test_unknown_currency_is_refused(currency):
    with pytest.raises(UnknownCurrency, match="is not a currency of ISO 4217"):
        currency_digits(currency)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("12.5000", "EUR", 1250),
        ("-0.05", "EUR", -5),
        ("+7", "EUR", 700),
        (".5", "EUR", 50),
        ("5.", "EUR", 500),
        ("1200", "JPY", 1200),
        ("1200.0", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("0", "EUR", 0),
        (Decimal("1E+2"), "EUR", 10000),
        ("92233720368547758.07", "EUR", 2**63 - 1),
    ],
)
def test_amount_to_minor_units(amount, currency, minor):
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    "amount",
    ["", " ", "twelve", "12,50", "1 000", "1_000", "1e3", "NaN", "Infinity", "--1", "١٢", "0x10", "1.2.3", "12.50\n"],
)
def test_text_that_is_no_amount_is_refused(amount):
    with pytest.raises(InvalidAmount, match="is not an amount of money"):
        to_minor(amount, "EUR")


@pytest.mark.parametrize(
    "amount", ["92233720368547758.08", "1" * 5000, Decimal("1E+999999"), Decimal("NaN"), Decimal("Infinity")]
)
def test_amount_that_cannot_be_kept_is_refused(amount):
    with pytest.raises(InvalidAmount):
        to_minor(amount, "EUR")


@pytest.mark.parametrize(("amount", "currency"), [("12.505", "EUR"), ("0.1", "JPY"), (Decimal("1E-999999"), "EUR")])
def test_amount_with_too_many_digits_is_refused_and_not_rounded(amount, currency):
    with pytest.raises(InvalidAmount, match=r"has more than the \d decimal digits of"):
        to_minor(amount, currency)


@given(st.integers(-(2**63) + 1, 2**63 - 1), CURRENCIES)
def test_minor_units_come_back(minor, currency):
    amount = from_minor(minor, currency)
    assert to_minor(amount, currency) == minor
    assert amount.as_tuple().exponent == -currency_digits(currency)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("0.125", "EUR", 13), ("-0.125", "EUR", -13), ("0.1249999", "EUR", 12), ("0.5", "JPY", 1), ("1.5", "JPY", 2)],
)
def test_halves_are_rounded_away_from_zero(amount, currency, minor):
    assert round_to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+30"])
def test_what_cannot_be_kept_is_not_rounded(amount):
    with pytest.raises(InvalidAmount):
        round_to_minor(Decimal(amount), "EUR")


def test_arithmetic_stays_in_one_currency():
    price = Money(1250, "EUR")
    assert price + Money(50, "EUR") == Money(1300, "EUR")
    assert price * 3 == Money(3750, "EUR")
    assert TaxedMoney(net=Money(1000, "EUR"), gross=Money(1210, "EUR")).tax == Money(210, "EUR")
    assert price.amount == Decimal("12.50")
    with pytest.raises(ValueError, match="EUR and USD do not add up"):
        price - Money(1, "USD")

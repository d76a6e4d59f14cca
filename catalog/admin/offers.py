"""A variant's row on the product's page, with its price per channel and its pieces per warehouse beside it.

Each of those fields is a row of its own in the database. It carries what it showed at first, and is written only if
it was edited; if the row changed meanwhile, that is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest

from catalog.admin.fields import MoneyField
from catalog.models import Product, Stock, VariantPrice, Warehouse
from commerce.errors import DomainError
from commerce.money import from_minor, to_minor
from tenants import queries as tenants_queries
from tenants.admin.base import TenantAdmin, TenantForm

# More channels or warehouses than this make no readable table: the variant's own page has them all.
MOST_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Column:
    """A price in one channel, or the pieces in one warehouse."""

    name: str
    label: str
    currency: str | None  # None: pieces
    place_id: UUID

    def form_field(self) -> forms.Field:
        if self.currency is None:
            field: forms.Field = forms.IntegerField(min_value=0, max_value=2**31 - 1, required=False, label=self.label)
            field.widget.attrs["class"] = "pieces"
        else:
            field = MoneyField(currency=self.currency, required=False, label=self.label)
        field.show_hidden_initial = True
        return field

    def shown(self, row: Any) -> Any:
        """Return what the field shows for its row in the database."""
        if row is None:
            return None
        return row.on_hand if self.currency is None else from_minor(row.price, self.currency)


@dataclass(frozen=True, slots=True)
class Offers:
    """The columns, and the rows behind them by column and variant."""

    columns: tuple[Column, ...]
    rows: dict[tuple[str, UUID], Any]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def load_offers(product: Product | None) -> Offers:
    """Return the price and stock columns of a product's variants: four statements, however many variants."""
    channels = tenants_queries.list_channels()
    warehouses = list(Warehouse.objects.order_by("name", "id")[: MOST_COLUMNS + 1])
    prices = {channel.id: _price_column(channel) for channel in channels if len(channels) <= MOST_COLUMNS}
    stocks = {place.id: _stock_column(place) for place in warehouses if len(warehouses) <= MOST_COLUMNS}
    rows: dict[tuple[str, UUID], Any] = {}
    if product is not None:
        for price in VariantPrice.objects.filter(variant__product=product, channel__in=prices):
            rows[prices[price.channel_id].name, price.variant_id] = price
        for stock in Stock.objects.filter(variant__product=product, warehouse__in=stocks):
            rows[stocks[stock.warehouse_id].name, stock.variant_id] = stock
    return Offers((*prices.values(), *stocks.values()), rows)


def _price_column(channel: Any) -> Column:
    label = f"Price {channel.slug} ({channel.currency})"
    return Column(f"price_{channel.id.hex}", label, channel.currency, channel.id)


def _stock_column(warehouse: Warehouse) -> Column:
    return Column(f"stock_{warehouse.id.hex}", f"Pieces in {warehouse.name}", None, warehouse.id)


class VariantRowForm(TenantForm):
    offers = Offers((), {})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beside = frozenset(self.offers.names)
        for column in self.offers.columns:
            self.initial[column.name] = column.shown(self._row(column))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for column in self._edited():
            row = self._row(column)
            seen = self.fields[column.name].to_python(self.data.get(self.add_initial_prefix(column.name)))
            if seen != column.shown(row):
                now = "nothing" if row is None else column.shown(row)
                self.add_error(column.name, f"It is {now} now: somebody changed it after you opened this page.")
            elif isinstance(row, Stock) and (cleaned.get(column.name) or 0) < row.reserved:
                self.add_error(column.name, f"{row.reserved} pieces are reserved.")
        return cleaned

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        super().write(page, request)
        for column in self._edited():
            try:
                self._write_column(column, self.cleaned_data[column.name], page, request)
            except DomainError as error:
                raise DomainError(error.message, code=error.code, field=column.name) from error

    def _write_column(
        self, column: Column, value: Decimal | int | None, page: TenantAdmin, request: HttpRequest
    ) -> None:
        row = self._row(column)
        if value is None:
            if row is not None:
                page.erase(request, row)
            return
        if column.currency is None:
            row = row or Stock(variant=self.instance, warehouse_id=column.place_id)
            row.on_hand = value
        else:
            row = row or VariantPrice(variant=self.instance, channel_id=column.place_id, currency=column.currency)
            row.price = to_minor(Decimal(value), column.currency)
        page.write(request, row)

    def _edited(self) -> Iterable[Column]:
        return [column for column in self.offers.columns if column.name in self.changed_data]

    def _row(self, column: Column) -> Any:
        return self.offers.rows.get((column.name, self.instance.id))


def variant_row_form(offers: Offers) -> type[VariantRowForm]:
    """Return the form of a variant's row with these columns."""
    fields = {column.name: column.form_field() for column in offers.columns}
    return type("VariantRowForm", (VariantRowForm,), {**fields, "offers": offers})


class PriceForm(TenantForm):
    """A variant's price in a channel, in major units of the channel's currency."""

    amounts = ("price", "cost", "prior_price")
    price = MoneyField()
    cost = MoneyField(required=False, help_text="What the shop pays.")
    prior_price = MoneyField(required=False, help_text="The price before a reduction.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            return
        self.fields["channel"].disabled = True
        for name in self.amounts:
            minor = getattr(self.instance, name)
            self.initial[name] = None if minor is None else from_minor(minor, self.instance.currency)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        channel = cleaned.get("channel")
        if channel is None:
            return cleaned
        self.instance.currency = channel.currency
        for name in self.amounts:
            if cleaned.get(name) is None:
                continue
            try:
                cleaned[name] = to_minor(cleaned[name], channel.currency)
            except DomainError as error:
                self.add_error(name, error.message)
        return cleaned


class StockForm(TenantForm):
    """A variant's pieces in a warehouse."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"variant", "warehouse"} & set(self.fields):
            self.fields[name].disabled = not self.instance._state.adding

    def clean_on_hand(self) -> int:
        on_hand: int = self.cleaned_data["on_hand"]
        if on_hand < self.instance.reserved:
            raise forms.ValidationError(f"{self.instance.reserved} pieces are reserved.")
        return on_hand

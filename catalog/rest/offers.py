"""What variants cost and how many pieces there are: prices, stock, warehouses."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog import operations
from catalog.models import Stock, VariantPrice, Warehouse, WarehouseChannel
from catalog.rest.base import METADATA, STANDARD, BatchedResource, CatalogResource, ChannelField, sub_list
from commerce.errors import DomainError
from commerce.money import from_minor, to_minor
from commerce.rest.changes import Change
from commerce.rest.filters import ID, Filter
from commerce.rest.rows import Metadata, Part, Reference, RowSerializer
from tenants.rest import Need

_STOCK_READ = Need("stock:read", ("MANAGE_PRODUCTS",))
_STOCK_WRITE = Need("stock:write", ("MANAGE_PRODUCTS",))


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,4})?$"},
            {"type": "number", "minimum": 0, "maximum": 999_999_999_999},
        ],
        "description": 'An amount in major units of the currency, shown as text: "12.50".',
    }
)
class Amount(serializers.Field[Any, Any, Any, Any]):
    """An amount of money; which digits it may have, its currency says."""

    def to_internal_value(self, data: Any) -> Decimal:
        text = str(data)
        if isinstance(data, bool) or not isinstance(data, str | int | float) or not _is_amount(text):
            raise ValidationError(f"{text[:50]!r} is no amount such as 12.50.")
        return Decimal(text)

    def get_attribute(self, instance: Any) -> Any:
        minor = getattr(instance, str(self.source))
        return None if minor is None else str(from_minor(minor, instance.currency))

    def to_representation(self, value: Any) -> Any:
        return value


def _is_amount(text: str) -> bool:
    whole, _, digits = text.partition(".")
    return text.isascii() and 0 < len(whole) <= 15 and len(digits) <= 20 and f"{whole}{digits}".isdigit()


class PriceSerializer(RowSerializer):
    """What a variant costs in a channel, before promotions."""

    variant = Reference("catalog.Variant", key="sku")
    channel = ChannelField()
    currency = serializers.CharField(read_only=True)
    price = Amount()
    cost = Amount(required=False, allow_null=True, help_text="What the shop pays.")
    prior_price = Amount(required=False, allow_null=True, help_text="The price before a reduction.")

    class Meta:
        model = VariantPrice
        fields = [*STANDARD, "variant", "channel", "currency", "price", "cost", "prior_price"]


class Prices(BatchedResource):
    """What variants cost, by channel."""

    model, row, noun, tag = VariantPrice, PriceSerializer, "price", "Prices and stock"
    keys = (("variant_id", "channel_id"),)
    fixed = ("variant_id", "channel_id")
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("variant", "variant_id__in", ID, many=True, order=("variant_id", "channel_id")),
        Filter("sku", "variant__sku__in", many=True),
        Filter("channel", "channel_id", ID),
    )

    def fill(self, changes: Sequence[Change]) -> None:
        currencies = {row.id: row.currency for row in self.channel_rows}
        for change in changes:
            change.instance.currency = currencies[change.instance.channel_id]
            for name in ("price", "cost", "prior_price"):
                self._set_minor(change, name)

    def _set_minor(self, change: Change, name: str) -> None:
        """Turn an amount into minor units; what stays as it was is no difference."""
        if change.columns.get(name) is None:
            return
        try:
            minor = to_minor(change.columns[name], change.instance.currency)
        except DomainError as error:
            change.refuse(DomainError(error.message, code=error.code, field=name))
            return
        setattr(change.instance, name, minor)
        if not change.is_new and change.before.get(name) == minor:
            change.differing.remove(name)


class StockSerializer(RowSerializer):
    """Pieces of a variant in a warehouse."""

    variant = Reference("catalog.Variant", key="sku")
    warehouse = Reference("catalog.Warehouse", key="slug")
    on_hand = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    reserved = serializers.IntegerField(read_only=True)

    class Meta:
        model = Stock
        fields = [*STANDARD, "variant", "warehouse", "on_hand", "reserved"]


class Stocks(BatchedResource):
    """Pieces of variants, by warehouse."""

    model, row, noun, tag = Stock, StockSerializer, "stock", "Prices and stock"
    reads, writes = _STOCK_READ, _STOCK_WRITE
    keys = (("variant_id", "warehouse_id"),)
    fixed = ("variant_id", "warehouse_id")
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("variant", "variant_id__in", ID, many=True, order=("variant_id", "warehouse_id")),
        Filter("sku", "variant__sku__in", many=True),
        Filter("warehouse", "warehouse_id", ID),
    )

    def fill(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.instance.on_hand < change.instance.reserved:
                told = f"{change.instance.reserved} pieces are reserved: fewer cannot be on hand."
                change.refuse(DomainError(told, code="INSUFFICIENT_STOCK", field="on_hand"))


@extend_schema_field({"type": "array", "items": {"type": "string"}, "maxItems": 200})
class Slugs(Part):
    """Slugs of channels."""


_ADDRESS = [
    "first_name",
    "last_name",
    "company_name",
    "street_address_1",
    "street_address_2",
    "city",
    "city_area",
    "postal_code",
    "country",
    "country_area",
    "phone",
]


@extend_schema_field(
    {
        "type": "object",
        "properties": {name: {"type": "string", "maxLength": 256} for name in _ADDRESS},
        "additionalProperties": False,
    }
)
class Address(serializers.DictField):
    """A postal address; `country` is an ISO 3166-1 code."""

    child = serializers.CharField(allow_blank=True, max_length=256)

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        for name in found:
            if name not in _ADDRESS:
                raise ValidationError({str(name)[:100]: [ErrorDetail("There is no such field.", "UNKNOWN_FIELD")]})
        return found


class WarehouseSerializer(RowSerializer):
    """A place that holds stock."""

    metadata = Metadata()
    private_metadata = Metadata()
    address = Address(required=False)
    channels = Slugs(
        serializers.ListField(child=serializers.CharField(max_length=255), max_length=200),
        empty=(),
        help_text="The channels that it serves, all of them, by their slugs.",
    )

    class Meta:
        model = Warehouse
        fields = [
            *STANDARD,
            "name",
            "slug",
            "email",
            "address",
            "is_private",
            "external_reference",
            *METADATA,
            "channels",
        ]


class Warehouses(CatalogResource):
    """Places that hold stock."""

    model, row, noun, tag = Warehouse, WarehouseSerializer, "warehouse", "Prices and stock"
    reads, writes = _STOCK_READ, _STOCK_WRITE
    keys = (("slug",),)
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("slug", "slug__in", many=True, order=("slug",)),
    )

    def load(self, instances: Sequence[Any]) -> None:
        served = sub_list(WarehouseChannel, "warehouse_id", instances, "channel_id")
        for one in instances:
            one.parts = {"channels": sorted(self.channels[row[0]] for row in served.get(one.id, []))}

    def fill(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if "channels" in change.parts:
                try:
                    change.parts["channels"] = {self.channel_id(slug) for slug in change.parts["channels"]}
                except ValidationError as error:
                    change.refuse(error)

    def save_parts(self, change: Change) -> None:
        if "channels" not in change.parts:
            return
        held = {row.channel_id: row for row in WarehouseChannel.objects.filter(warehouse=change.instance)}
        for channel_id in change.parts["channels"] - set(held):
            operations.save(WarehouseChannel(warehouse=change.instance, channel_id=channel_id), now=self.now)
        for channel_id in set(held) - change.parts["channels"]:
            operations.delete(held[channel_id], now=self.now)
        if change.parts["channels"] != set(held) and not change.is_written:
            operations.save(change.instance, now=self.now, actor=self.actor)
            change.is_written = True

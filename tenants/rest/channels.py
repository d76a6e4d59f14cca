"""The shop's markets."""

from typing import Any

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from commerce.rest.resources import page_of
from commerce.rest.schema import Operation
from commerce.rest.views import answer
from tenants import queries
from tenants.rest import Need, ShopView


class ChannelSerializer(serializers.Serializer[Any]):
    """A market of the shop."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    default_country = serializers.CharField()
    countries = serializers.ListField(child=serializers.CharField())
    languages = serializers.ListField(child=serializers.CharField())
    is_active = serializers.BooleanField()


class Channels(ShopView):
    """The shop's markets, which other resources name by their slugs."""

    noun, tag = "channels", "Channels"
    reads = Need("channels:read")
    http_method_names = ["get", "head"]

    def list(self, request: Request) -> HttpResponse:
        """Answer with all channels."""
        self.refuse_parameters(request)

        def read() -> Any:
            items = ChannelSerializer(queries.list_channel_rows(), many=True).data
            return answer({"items": items, "next_cursor": None})

        return self.reading(read)

    def describe(self, action: str) -> Operation:
        return Operation("list_channels", "List channels", None, {200: page_of(ChannelSerializer)})

"""Sending files straight to the storage: begin, send, finish (docs/media.md)."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from catalog import operations
from catalog.models import AttributeValue, Category, Collection, Media
from catalog.rest.base import READ, WRITE
from commerce.idempotency import Answer
from commerce.rest.schema import Operation
from commerce.rest.views import answer
from tenants.rest import ShopView

_RESOURCES: dict[type[Any], str] = {
    Media: "media",
    Category: "categories",
    Collection: "collections",
    AttributeValue: "attribute-values",
}


class UploadSerializer(serializers.Serializer[Any]):
    """A file that is to be sent for an object."""

    kind = serializers.ChoiceField(choices=["AttributeValue", "Category", "Collection", "Product"])
    object_id = serializers.UUIDField()
    file_name = serializers.CharField(max_length=250)
    content_type = serializers.CharField(max_length=100)
    size = serializers.IntegerField(min_value=1, max_value=2**40, help_text="In bytes.")
    alt = serializers.CharField(max_length=250, required=False, allow_blank=True)


class StartedSerializer(serializers.Serializer[Any]):
    """Where to send the file: by POST as multipart/form-data, `fields` first and then the field `file`."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    fields = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]
    most_bytes = serializers.IntegerField()
    expires_at = serializers.DateTimeField()


class FinishedSerializer(serializers.Serializer[Any]):
    """The object that names the file now."""

    resource = serializers.ChoiceField(choices=sorted(_RESOURCES.values()))
    id = serializers.UUIDField()


class Uploads(ShopView):
    """Files on their way."""

    noun = "upload"
    tag = "Media"
    reads, writes = READ, WRITE
    lookup_field = "id"
    lookup_value_converter = "uuid"

    def create(self, request: Request) -> HttpResponse:
        """Begin to send a file."""
        self.refuse_parameters(request)

        def write() -> Answer:
            serializer = UploadSerializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            started = operations.start_upload(**serializer.validated_data, now=self.now, actor=self.actor)
            return answer({**started._asdict(), "id": str(started.id)}, 201)

        return self.writing(write)

    @action(detail=True, methods=["post"])
    def finish(self, request: Request, id: UUID) -> HttpResponse:
        """Take over what has arrived."""
        self.refuse_parameters(request)

        def work() -> Answer:
            made: Any = operations.finish_upload(tenant_id=self.tenant, upload_id=id, now=self.now, actor=self.actor)
            return answer({"resource": _RESOURCES[type(made)], "id": str(made.id)})

        return self.working(work)

    def describe(self, action: str) -> Operation:
        if action == "create":
            return Operation("start_upload", "Begin to send a file", UploadSerializer, {201: StartedSerializer})
        return Operation("finish_upload", "Take over the file that was sent", None, {200: FinishedSerializer})

"""Form fields of the catalogue: rich text, money in major units, pictures."""

import html
import json
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile

from catalog.operations import stored_name
from catalog.rich_text import clean_editorjs
from catalog.values import editorjs
from commerce import pictures
from commerce.errors import DomainError
from commerce.money import currency_digits


class RichTextField(forms.CharField):
    """An EditorJS document: shown and entered as plain paragraphs where that loses nothing, as JSON otherwise."""

    widget = forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("help_text", "Plain paragraphs with an empty line between them, or an EditorJS document.")
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        texts = [block.get("data", {}).get("text", "") for block in value.get("blocks", [])]
        plain = "\n\n".join(html.unescape(text) for text in texts if isinstance(text, str))
        if editorjs(plain)["blocks"] == value.get("blocks"):
            return plain
        return json.dumps(value, ensure_ascii=False, indent=2)

    def clean(self, value: Any) -> dict[str, Any] | None:
        text = super().clean(value)
        if not text:
            return None
        if not text.startswith("{"):
            return editorjs(text)
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValidationError(f"This is no JSON: {error}.") from error
        return _checked_document(document)

    def has_changed(self, initial: Any, data: Any) -> bool:
        shown = self.prepare_value(initial) or ""
        return bool(shown.strip() != (data or "").replace("\r\n", "\n").strip())


def _checked_document(document: dict[str, Any]) -> dict[str, Any]:
    try:
        return clean_editorjs(document)
    except DomainError as error:
        raise ValidationError(error.message) from error


class MoneyField(forms.DecimalField):
    """An amount in major units. The form that knows its currency turns it into minor units."""

    def __init__(self, *, currency: str | None = None, **kwargs: Any) -> None:
        digits = currency_digits(currency) if currency else None
        super().__init__(min_value=Decimal(0), decimal_places=digits, **kwargs)
        self.widget.attrs["class"] = "money"


class PictureField(forms.FileField):
    """A picture, looked at and cleaned; it is stored by a name that says what it is and that no other file has."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        return _checked_picture(file) if isinstance(file, UploadedFile) else file


def _checked_picture(file: Any) -> Any:
    most = settings.MEDIA_MOST_BYTES
    if (file.size or 0) > most:  # which are not even read
        raise ValidationError(
            f"{file.name}: it has {file.size:,} bytes; at most {settings.MEDIA_MOST_BYTES:,} are taken."
        )
    file.seek(0)
    try:
        picture = pictures.check(
            file.read(),
            name=file.name or "",
            content_type=file.content_type or "",
            most_bytes=most,
            most_pixels=settings.MEDIA_MOST_PIXELS,
        )
    except DomainError as error:
        raise ValidationError(error.message) from error
    name = PurePath(stored_name("", file.name or "", picture.ending)).name
    return SimpleUploadedFile(name, picture.data, picture.content_type)

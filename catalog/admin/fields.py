"""Form fields of the catalogue: rich text, money in major units, pictures."""

import html
import json
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from PIL import Image, UnidentifiedImageError

from catalog.values import check_editorjs, editorjs
from commerce.errors import DomainError
from commerce.money import currency_digits

# What Pillow calls the format → the ending that browsers and storages know it by.
IMAGE_ENDINGS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "AVIF": ".avif"}
FORMATS = [name for name in IMAGE_ENDINGS if name != "MPO"]  # which is opened as the JPEG that it begins with
MOST_IMAGE_BYTES = 10 * 1024 * 1024
MOST_IMAGE_PIXELS = 50_000_000


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
        check_editorjs(document)
    except DomainError as error:
        raise ValidationError(error.message) from error
    return document


class MoneyField(forms.DecimalField):
    """An amount in major units. The form that knows its currency turns it into minor units."""

    def __init__(self, *, currency: str | None = None, **kwargs: Any) -> None:
        digits = currency_digits(currency) if currency else None
        super().__init__(min_value=Decimal(0), decimal_places=digits, **kwargs)
        self.widget.attrs["class"] = "money"


class PictureField(forms.FileField):
    """A picture, checked by its content; its name gets the ending of what it really is."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        if isinstance(file, UploadedFile):
            file.name = f"{PurePath(file.name or '').stem[:100] or 'picture'}{_ending(file)}"
        return file


def _ending(file: Any) -> str:
    if (file.size or 0) > MOST_IMAGE_BYTES:
        raise ValidationError(f"The file has {file.size:,} bytes; at most {MOST_IMAGE_BYTES:,} are taken.")
    try:
        file.seek(0)
        with Image.open(file, formats=FORMATS) as image:
            pixels, ending = image.width * image.height, IMAGE_ENDINGS[image.format or ""]
            if pixels > MOST_IMAGE_PIXELS:
                raise ValidationError(f"The picture has {pixels:,} pixels; at most {MOST_IMAGE_PIXELS:,} are taken.")
            image.verify()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValidationError(f"The picture has more than {MOST_IMAGE_PIXELS:,} pixels.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, KeyError) as error:
        raise ValidationError("This is no picture: JPEG, PNG, GIF, WebP and AVIF are taken.") from error
    finally:
        file.seek(0)
    return ending

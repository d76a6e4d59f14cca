"""Form fields for columns that hold JSON."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from django import forms

from commerce.errors import DomainError


class MetadataField(forms.JSONField):
    """Free pairs of text and text; empty is none."""

    widget = forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField code"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, help_text='Pairs of text, such as {"supplier": "Acme"}.', **kwargs)

    def clean(self, value: Any) -> dict[str, str]:
        found = super().clean(value)
        pairs = {} if found is None else found
        if not isinstance(pairs, dict) or not all(isinstance(text, str) for text in pairs.values()):
            raise forms.ValidationError('Enter pairs of text, such as {"supplier": "Acme"}.')
        if "\\u0000" in json.dumps(pairs):
            raise forms.ValidationError("The character NUL cannot be stored.")
        return pairs


class CodesField(forms.CharField):
    """A list of codes with commas between them; `clean_code` cleans each, or raises DomainError."""

    def __init__(self, *, clean_code: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clean_code = clean_code

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            codes = [self.clean_code(code.strip()) for code in text.split(",") if code.strip()]
        except DomainError as error:
            raise forms.ValidationError(error.message) from error
        if self.required and not codes:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return list(dict.fromkeys(codes))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((self.prepare_value(initial) or "") != (data or ""))

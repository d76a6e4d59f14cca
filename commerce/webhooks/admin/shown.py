"""Who changes what an app is sent, and how it is shown."""

import json
from contextlib import suppress
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString


def actor(request: HttpRequest) -> str:
    """Return who is signed in, as events name them."""
    return f"user:{request.user.pk}"


def pretty(value: Any) -> SafeString:
    """Return JSON, or bytes of it, for people to read."""
    text = bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else json.dumps(value)
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return format_html('<pre class="code">{}</pre>', text)

"""What a changed channel means to the catalogue."""

from typing import Any

from django.utils import timezone

from catalog import operations
from tenants.admin.channels import AFTER_LANGUAGES_CHANGED


def follow(channel: Any) -> None:
    """Bring lists and searches up to date with a channel's languages."""
    operations.follow_languages(channel.id, now=timezone.now())


AFTER_LANGUAGES_CHANGED.append(follow)

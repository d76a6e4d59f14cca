"""The admin's pages of webhooks and their deliveries, for those who hold MANAGE_APPS."""

from commerce.webhooks.admin.deliveries import DeliveryAdmin
from commerce.webhooks.admin.webhooks import WebhookAdmin

__all__ = ["DeliveryAdmin", "WebhookAdmin"]

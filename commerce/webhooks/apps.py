from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "commerce.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from commerce.webhooks import owners
        from commerce.webhooks.installing import check_manifest_url
        from commerce.webhooks.operations import delete_webhooks_of
        from tenants.admin_site import NOTICES
        from tenants.operations import BEFORE_APP_DELETED, MANIFEST_URL_CHECKS

        NOTICES.append(owners.paused)
        BEFORE_APP_DELETED.append(delete_webhooks_of)
        MANIFEST_URL_CHECKS.append(check_manifest_url)

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "commerce.outbox"
    label = "outbox"

    def ready(self) -> None:
        from commerce.cache.versions import publisher
        from commerce.outbox import debts

        publisher.owe = debts.owe

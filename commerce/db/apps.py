from django.apps import AppConfig


class DbConfig(AppConfig):
    name = "commerce.db"
    label = "commerce_db"

    def ready(self) -> None:
        from commerce.db import checks  # noqa: F401  registers the system checks

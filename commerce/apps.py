from django.apps import AppConfig


class CommerceConfig(AppConfig):
    name = "commerce"

    def ready(self) -> None:
        # Shared tasks are queued by whatever process calls them: all of them need our broker, not Celery's default.
        from commerce import celery  # noqa: F401

from django.apps import AppConfig


class ProbeConfig(AppConfig):
    name = "tests.workers.probe"

    def ready(self) -> None:
        from tests.workers.probe import jobs  # noqa: F401

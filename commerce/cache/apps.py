from django.apps import AppConfig


class CacheConfig(AppConfig):
    name = "commerce.cache"
    label = "commerce_cache"

    def ready(self) -> None:
        from commerce.cache.versions import publisher
        from commerce.db.topics import on_changes

        on_changes(publisher)

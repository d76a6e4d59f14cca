from datetime import UTC, datetime

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from commerce.db.models import TenantRow, new_id
from commerce.db.topics.declared import NOT_SHOWN, Topic, Topics


class SearchDocument(TenantRow):
    """Written down for searches: what a product is found by in one language.

    `words` has every word, each marked with the tenant and the language, for the one index over all tenants;
    `head` the plain words of name, codes, category and attribute values with their weights, for ranking. It is read
    through the view catalog_search alone. Nothing in it changes by the clock: listings tell what is shown.
    """

    topics = Topics(Topic("search"))

    pk = models.CompositePrimaryKey("tenant_id", "product_id", "language")
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE, db_index=False)
    language = models.CharField(max_length=20)
    words = SearchVectorField()
    head = SearchVectorField()
    quality = models.FloatField(default=0)
    # The channels in which no piece of it is free.
    sold_out_in = ArrayField(models.UUIDField(), default=list)

    class Meta:
        # Without a pending list, which every search would have to read from end to end.
        indexes = [GinIndex(fields=["words"], name="search_words", fastupdate=False)]


NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class SearchWord(TenantRow):
    """A word that documents of a language have: folded, as it is written (`shown`), and in about how many.

    They were counted at `counted_at`; NEVER: documents with the word were written since.
    """

    topics = Topics(Topic("search"), timeless=("counted_at",))

    pk = models.CompositePrimaryKey("tenant_id", "language", "word")
    language = models.CharField(max_length=20)
    word = models.CharField(max_length=64, db_collation="C")
    shown = models.CharField(max_length=64)
    documents = models.IntegerField(default=1)
    counted_at = models.DateTimeField(default=NEVER, db_default=NEVER)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "counted_at", "language"], name="search_word_counted")]


class SearchTypo(TenantRow):
    """A hash of a language and a word with up to two letters left out, and the word: what mistyped ones meet in."""

    topics = Topics(Topic("search"))

    pk = models.CompositePrimaryKey("tenant_id", "fragment", "word")
    fragment = models.BigIntegerField()
    word = models.CharField(max_length=64)


class SearchPending(TenantRow):
    """An object of the catalogue that changed, so that documents with its words are to be written again."""

    topics = NOT_SHOWN

    pk = models.CompositePrimaryKey("tenant_id", "id")
    id = models.UUIDField(default=new_id, editable=False)
    object_kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

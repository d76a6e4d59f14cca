"""The root's searchSuggestions."""

from typing import Any

import graphene

from catalog.graphql.keys import channel_argument
from catalog.graphql.loading import keep_products
from catalog.graphql.search import SearchSuggestions, SuggestionsRow
from catalog.queries import groups
from catalog.queries.lists import ProductList, get_page
from catalog.queries.visibility import listings, sight
from catalog.search import suggestions
from catalog.search.query import make_search
from commerce.graphql.batch import root
from commerce.graphql.connections import check_size
from commerce.graphql.enums import LanguageCodeEnum
from commerce.graphql.info import Info
from commerce.graphql.paging import PageRequest
from tenants.graphql.context import ShopContext


class SearchQuery:
    """The fields of the root for searching."""

    search_suggestions = graphene.Field(
        SearchSuggestions,
        required=True,
        prefix=graphene.String(required=True, description="What was typed so far."),
        channel=channel_argument(),
        language_code=LanguageCodeEnum(description="The language that was typed; the channel's if not given."),
        first=graphene.Int(default_value=5, description="How many of each kind at most, 100 being the most."),
        description="What somebody may be about to search for.",
    )

    @root
    def resolve_search_suggestions(
        info: Info[ShopContext],
        prefix: str,
        channel: str | None = None,
        language_code: Any = None,
        first: int | None = None,
    ) -> SuggestionsRow:
        limit = 5 if first is None else first
        check_size("searchSuggestions", "first", limit)
        market = info.context.channel(channel)
        if market is None or not prefix.strip():
            return SuggestionsRow([], [], [])
        own = info.context.language(market)
        language = language_code.value if language_code and language_code.value in market.languages else own
        row = SuggestionsRow([], [], [])
        if info.selects("words") or info.selects("products"):
            rows, shown = listings(sight(market), "is_visible")
            params = [market.id, info.context.now, info.context.now]
            row.words = suggestions.complete(prefix, language, rows=rows, shown=shown, params=params, limit=limit)
        if info.selects("products"):
            # What most people mean who begin so; a part number, and what no word begins with, as far as it was typed.
            text = row.words[0] if row.words else prefix
            search = make_search(text, language, is_begun=not row.words)
            wanted = ProductList(
                channel=market,
                now=info.context.now,
                order="RELEVANCE",
                descending=True,
                language=language,
                search=search,
            )
            row.found = list(get_page(wanted, PageRequest(limit)).rows)
            keep_products(info.context, row.found)
        if info.selects("categories"):
            shown_in = info.context.languages[:-1] if language in info.context.languages else (language,)
            ids = suggestions.list_category_ids(prefix, shown_in, limit)
            known = groups.list_categories_by_id(ids) if ids else {}
            row.groups = [known[key] for key in ids if key in known]
        return row

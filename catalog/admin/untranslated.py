"""The page of what is not translated yet, by language and kind, with links to where it is."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from catalog.queries.untranslated import KINDS, Untranslated, count_untranslated, list_untranslated
from tenants import queries as tenants
from tenants.admin.base import is_uuid

PER_PAGE = 100


def missing_view(
    page: "admin.ModelAdmin[Any]", models: dict[str, type[Model]], request: HttpRequest
) -> HttpResponseBase:
    """Answer what is missing in a language (?language=), listed for one kind (?kind=), after an object (?after=)."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    offer = tenants.get_offer()
    languages = offer.languages[1:]
    shown: dict[str, Any] = {}
    if languages:
        asked = request.GET.get("language", "")
        language = asked if asked in languages else languages[0]
        shown = _shown(request, models, language, offer.chain(language))
    context = {
        **page.admin_site.each_context(request),
        "title": "What is not translated",
        "opts": page.opts,
        "languages": languages,
        "base": offer.base,
        **shown,
    }
    return TemplateResponse(request, "admin/catalog/translation/missing.html", context)


def _shown(
    request: HttpRequest, models: dict[str, type[Model]], language: str, chain: tuple[str, ...]
) -> dict[str, Any]:
    by_chain = "by_chain" in request.GET
    wanted = chain[:-1] if by_chain else (language,)
    found: dict[str, Any] = {
        "language": language,
        "chain": " → ".join(chain),
        "between": " or ".join(chain[1:-1]),
        "by_chain": by_chain,
        "counts": [(_named(models[count.kind]), count) for count in count_untranslated({language: wanted})],
        "per_page": PER_PAGE,
    }
    kind, after = request.GET.get("kind", ""), request.GET.get("after", "")
    if kind not in KINDS:
        return found
    last = UUID(after) if is_uuid(after) else None
    rows = list_untranslated(kind, language, wanted, after=last, limit=PER_PAGE + 1)
    further = {"language": language, "kind": kind, **({"by_chain": "1"} if by_chain else {})}
    return {
        **found,
        "kind": kind,
        "kind_name": _named(models[kind]),
        "after": last,
        "rows": [_row(models[kind], kind, language, row) for row in rows[:PER_PAGE]],
        "next": f"?{urlencode({**further, 'after': rows[PER_PAGE - 1].id})}" if len(rows) > PER_PAGE else "",
    }


def _named(model: type[Model]) -> str:
    return str(model._meta.verbose_name_plural).capitalize()


def _row(model: type[Model], kind: str, language: str, row: Untranslated) -> dict[str, str]:
    if row.translation_id is None:
        new = urlencode({"object_kind": kind, "object_id": row.id, "language": language})
        translate = f"{reverse('admin:catalog_translation_add')}?{new}"
    else:
        translate = reverse("admin:catalog_translation_change", args=[row.translation_id])
    return {
        "name": row.name or "(no name)",
        "words": ", ".join(word.replace("_", " ") for word in row.words),
        "page": reverse(f"admin:catalog_{model._meta.model_name}_change", args=[row.id]),
        "translate": translate,
        "verb": "Translate" if row.translation_id is None else "Translate the rest",
    }

"""Products and variants: their words, attribute values, prices, pieces, pictures and publications."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from catalog import operations
from catalog.admin.assigned import Assigned, changed_values, check_values, list_assigned
from catalog.admin.base import METADATA, SEARCH_ENGINES, CatalogAdmin, CatalogTabular, TenantForm, few
from catalog.admin.offers import Offers, PriceForm, StockForm, VariantRowForm, load_offers, variant_row_form
from catalog.admin.translations import NameTranslationInline, TranslationInline
from catalog.models import (
    Listing,
    Media,
    Product,
    ProductPublication,
    Stock,
    Variant,
    VariantMedia,
    VariantPrice,
    Warehouse,
)
from commerce.graphql.ids import to_global_id
from commerce.money import from_minor
from tenants import queries as tenants_queries
from tenants.admin.base import TenantAdmin

# A product with more variants than this shows a link to their list instead of a table.
MOST_VARIANTS = 100


class WithValuesForm(TenantForm):
    """A form with a field per attribute of the object's product type."""

    assigned: tuple[Assigned, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in self.assigned:
            self.initial[one.name] = one.initial

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        check_values(self.assigned, self)
        return cleaned

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        """Write the object; assigning values writes it along."""
        values = changed_values(self.assigned, self)
        if values:
            self.assign(values)
        else:
            super().write(page, request)

    def assign(self, values: dict[str, list[Any]]) -> None:
        raise NotImplementedError


class WithValuesAdmin(CatalogAdmin):
    """Pages of an object that has attribute values. It is added first, and gets its values on its own page."""

    def product_type_of(self, obj: Any) -> UUID:
        raise NotImplementedError

    def assigned_to(self, obj: Any) -> tuple[Assigned, ...]:
        """Return the attributes of the object with its values, read once per instance."""
        if obj is None:
            return ()
        if not hasattr(obj, "assigned"):
            obj.assigned = tuple(list_assigned(obj, self.product_type_of(obj)))
        found: tuple[Assigned, ...] = obj.assigned
        return found

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        assigned = self.assigned_to(obj)
        fields: dict[str, Any] = {one.name: one.form_field() for one in assigned}
        kwargs["form"] = type(self.form.__name__, (self.form,), {**fields, "assigned": assigned})
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first, *rest = super().get_fieldsets(request, obj)
        names = [one.name for one in self.assigned_to(obj)]
        return [first, *([("Attributes", {"fields": names})] if names else []), *rest]

    def response_add(self, request: Any, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Go on to the object's own page, where its attributes are."""
        if "_addanother" not in request.POST and "_popup" not in request.POST:
            request.POST = request.POST.copy()
            request.POST["_continue"] = "1"
        return super().response_add(request, obj, post_url_continue)


class ProductForm(WithValuesForm):
    def assign(self, values: dict[str, list[Any]]) -> None:
        operations.assign_product_values(product=self.instance, values=values, now=timezone.now())


class VariantForm(WithValuesForm):
    """A variant, with the pictures of its product that show it."""

    pictures = forms.ModelMultipleChoiceField(Media.objects.none(), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            return
        pictures: Any = self.fields["pictures"]
        pictures.queryset = Media.objects.filter(product_id=self.instance.product_id).order_by("position", "id")
        shown = VariantMedia.objects.filter(variant=self.instance)
        self.initial["pictures"] = list(shown.values_list("media_id", flat=True))

    def assign(self, values: dict[str, list[Any]]) -> None:
        operations.assign_variant_values(variant=self.instance, values=values, now=timezone.now())

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        super().write(page, request)
        if "pictures" not in self.changed_data:
            return
        wanted = {media.id for media in self.cleaned_data["pictures"]}
        shown = {row.media_id: row for row in VariantMedia.objects.filter(variant=self.instance)}
        for media_id in wanted - set(shown):
            page.write(request, VariantMedia(variant=self.instance, media_id=media_id))
        for media_id in set(shown) - wanted:
            page.erase(request, shown[media_id])


class VariantInline(CatalogTabular):
    model = Variant
    form = VariantRowForm
    ordering = ("position", "id")
    show_change_link = True

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return super().get_formset(request, obj, form=variant_row_form(_offers(request, obj)), **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("sku", "name", "position", "track_inventory", *_offers(request, obj).names)

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj is not None else 1


class PublicationInline(CatalogTabular):
    model = ProductPublication
    fields = (
        "channel",
        "is_published",
        "published_at",
        "visible_in_listings",
        "is_available_for_purchase",
        "available_for_purchase_at",
    )

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return few(super().formfield_for_foreignkey(db_field, request, **kwargs), tenants_queries.list_channels())


class MediaForm(TenantForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        url, file = cleaned.get("url"), cleaned.get("file")
        if bool(url) == bool(file) and not {"url", "file"} & set(self.errors):
            self.add_error("url", "Give either an address or a file.")
        if url and not url.startswith(("https://", "http://")):
            self.add_error("url", "An address begins with https:// or http://.")
        return cleaned


class MediaInline(CatalogTabular):
    model = Media
    form = MediaForm
    ordering = ("position", "id")
    fields = ("preview", "file", "url", "alt", "type", "position")
    readonly_fields = ("preview",)

    @admin.display(description="")
    def preview(self, media: Media) -> str:
        address = f"/thumbnail/{to_global_id('ProductMedia', media.pk)}/128/" if media.file else media.url
        if not address or media.type != Media.Type.IMAGE:
            return ""
        return format_html('<img src="{}" alt="" loading="lazy" class="preview">', address)


class VisibleFilter(admin.SimpleListFilter):
    """Products that shoppers see in a channel now, by the listing rows."""

    title = "visible in"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(channel.slug, str(channel)) for channel in tenants_queries.list_channels()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(
            Exists(_listed_now().filter(product=OuterRef("pk"), is_visible=True, channel__slug=self.value()))
        )


class StockFilter(admin.SimpleListFilter):
    title = "in stock"
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "In some channel"), ("no", "Nowhere")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        found = Exists(_listed_now().filter(product=OuterRef("pk"), in_stock=True))
        return queryset.filter(found if self.value() == "yes" else ~found)


@admin.register(Product)
class ProductAdmin(WithValuesAdmin):
    form = ProductForm
    list_display = ("name", "product_type", "category", "price", "is_visible", "in_stock", "updated_at")
    list_select_related = ("product_type", "category")
    list_filter = (VisibleFilter, StockFilter)
    # `icontains` is not leakproof and reads all names of the tenant: some 20 ms for 20,000 products.
    search_fields = ("name",)
    search_help_text = "Words of the name, or a whole SKU, GTIN, slug or external reference."
    ordering = ("-id",)
    sortable_by = ("name", "updated_at")
    autocomplete_fields = ("product_type", "category")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (VariantInline, PublicationInline, MediaInline, TranslationInline)
    fieldsets = (
        (None, {"fields": ("name", "slug", "product_type", "category", "description")}),
        SEARCH_ENGINES,
        ("More", {"classes": ["collapse"], "fields": ("weight_grams", "rating", "external_reference")}),
        METADATA,
    )

    def product_type_of(self, obj: Product) -> UUID:
        return obj.product_type_id

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A product keeps its type: its values are of the type's attributes."""
        if obj is None:
            return ()
        return ("product_type", "variants_list") if _has_many_variants(obj) else ("product_type",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and _has_many_variants(obj):
            (title, options), *rest = fieldsets
            fieldsets = [(title, {**options, "fields": [*options["fields"], "variants_list"]}), *rest]
        return fieldsets

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        many = obj is not None and _has_many_variants(obj)
        return [inline for inline in self.inlines if not (many and inline is VariantInline)]

    @admin.display(description="variants")
    def variants_list(self, product: Product) -> str:
        address = f"{reverse('admin:catalog_variant_changelist')}?product__id__exact={product.id}"
        return format_html('<a href="{}">More than {}: see their list</a>', address, MOST_VARIANTS)

    def rows_to_lock(self, obj: Product) -> Any:
        """Children before the product, as the operations that change one child do: two orders would deadlock."""
        of_variants = {"variant__product": obj}
        return [
            Stock.objects.filter(**of_variants),
            VariantPrice.objects.filter(**of_variants),
            Variant.objects.filter(product=obj),
            ProductPublication.objects.filter(product=obj),
            Media.objects.filter(product=obj),
            Product.objects.filter(id=obj.id),
        ]

    # --- The list ------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return ProductList

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup in ("category__id__exact", "product_type__id__exact") or super().lookup_allowed(
            lookup, value, request
        )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Add the products that one of the exact names leads to, by their indexes."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        if term:
            coded = Variant.objects.filter(Q(sku=term) | Q(gtin=term)).values("product_id")
            found = found | queryset.filter(Q(id__in=coded) | Q(slug=term) | Q(external_reference=term))
        return found, duplicates

    @admin.display(description="price")
    def price(self, product: Any) -> str:
        listing = product.listing
        if listing is None or listing.price_min is None:
            return "-"
        prices = dict.fromkeys(from_minor(minor, listing.currency) for minor in (listing.price_min, listing.price_max))
        return f"{' – '.join(f'{price:,f}' for price in prices)} {listing.currency}"

    @admin.display(description="visible", boolean=True)
    def is_visible(self, product: Any) -> bool:
        return product.listing is not None and product.listing.is_visible

    @admin.display(description="in stock", boolean=True)
    def in_stock(self, product: Any) -> bool:
        return product.listing is not None and product.listing.in_stock


class ProductList(ChangeList):
    """A page of products with their listing rows in one channel: the chosen one, or else the first."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        channels = tenants_queries.list_channels()
        chosen = [channel for channel in channels if channel.slug == request.GET.get("channel")] or channels
        products = self.result_list = list(self.result_list)
        rows = _listed_now().filter(channel__in=chosen[:1], product__in=products)
        listings = {row.product_id: row for row in rows}
        for product in products:
            product.listing = listings.get(product.id)


@admin.register(Variant)
class VariantAdmin(WithValuesAdmin):
    form = VariantForm
    list_display = ("sku", "name", "product", "gtin", "track_inventory", "updated_at")
    list_display_links = ("sku", "name")
    list_select_related = ("product",)
    # Exact names come by their indexes; `icontains` reads all names of the tenant.
    search_fields = ("sku__exact", "gtin__exact", "name")
    search_help_text = "A whole SKU or GTIN, or words of the variant's name."
    ordering = ("-id",)
    sortable_by = ("sku", "name", "updated_at")
    autocomplete_fields = ("product",)
    fieldsets = (
        (None, {"fields": ("product", "sku", "name", "gtin", "position")}),
        ("Selling", {"fields": ("track_inventory", "quantity_limit_per_customer", "weight_grams")}),
        ("More", {"classes": ["collapse"], "fields": ("external_reference",)}),
        METADATA,
    )

    def product_type_of(self, obj: Variant) -> UUID:
        return obj.product.product_type_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("product")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("product_link",) if obj is not None else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        first, *rest = super().get_fieldsets(request, obj)
        names = ["product_link", *(name for name in first[1]["fields"] if name != "product")]
        return [(None, {"fields": names}), *rest[:-2], ("Pictures", {"fields": ["pictures"]}), *rest[-2:]]

    @admin.display(description="product")
    def product_link(self, variant: Variant) -> str:
        address = reverse("admin:catalog_product_change", args=[variant.product_id])
        return format_html('<a href="{}">{}</a>', address, variant.product)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return [PriceInline, StockInline, NameTranslationInline] if obj is not None else []

    def rows_to_lock(self, obj: Variant) -> Any:
        """As for products: what an operation writes first is locked first."""
        return [
            Stock.objects.filter(variant=obj),
            VariantPrice.objects.filter(variant=obj),
            Variant.objects.filter(id=obj.id),
            Product.objects.filter(id=obj.product_id),
        ]

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup == "product__id__exact" or super().lookup_allowed(lookup, value, request)

    def autocomplete_label(self, obj: Variant) -> str:
        return f"{obj} ({obj.product})"


class PriceInline(CatalogTabular):
    model = VariantPrice
    form = PriceForm
    fields = ("channel", "price", "prior_price", "cost")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return few(super().formfield_for_foreignkey(db_field, request, **kwargs), tenants_queries.list_channels())


class StockInline(CatalogTabular):
    model = Stock
    form = StockForm
    fields = ("warehouse", "on_hand", "reserved")
    readonly_fields = ("reserved",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return few(super().formfield_for_foreignkey(db_field, request, **kwargs), Warehouse.objects.order_by("name"))


def _listed_now() -> "QuerySet[Listing]":
    """Return the listing rows that hold now."""
    now = timezone.now()
    return Listing.objects.filter(valid_from__lte=now, valid_to__gt=now)


def _has_many_variants(product: Any) -> bool:
    if not hasattr(product, "has_many_variants"):
        ids = Variant.objects.filter(product=product).values_list("id")
        product.has_many_variants = len(ids[: MOST_VARIANTS + 1]) > MOST_VARIANTS
    found: bool = product.has_many_variants
    return found


def _offers(request: HttpRequest, product: Any) -> Offers:
    """Return the product's offers, read once per instance (for a new product: per request)."""
    keeper: Any = request if product is None else product
    if not hasattr(keeper, "offers"):
        keeper.offers = load_offers(product)
    found: Offers = keeper.offers
    return found

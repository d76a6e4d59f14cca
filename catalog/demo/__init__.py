"""Two small catalogues of our own for `manage.py demo`, and pictures drawn for them."""

import hashlib
from datetime import datetime
from io import BytesIO
from pathlib import Path

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw, ImageFont

from catalog import operations
from catalog.models import Media, Product

FOLDER = Path(__file__).resolve().parent
SIDE = 600


def draw_missing_pictures(*, now: datetime) -> int:
    """Give each product of the scope's tenant that has none a drawn picture; return how many were drawn."""
    products = list(Product.objects.filter(media__isnull=True).order_by("slug"))
    for product in products:
        file = ContentFile(draw(product.name), name=f"{product.slug}.png")
        operations.save(Media(product=product, alt=product.name, file=file), now=now)
    return len(products)


def draw(name: str) -> bytes:
    """Return a PNG of 600 × 600 with a name's initials on a colour of its own."""
    hue = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 360
    image = Image.new("RGB", (SIDE, SIDE), f"hsl({hue}, 35%, 82%)")
    pen = ImageDraw.Draw(image)
    pen.ellipse((90, 90, SIDE - 90, SIDE - 90), fill=f"hsl({hue}, 40%, 68%)")
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    font = ImageFont.load_default(size=170)
    pen.text((SIDE / 2, SIDE / 2), initials, font=font, anchor="mm", fill=f"hsl({hue}, 45%, 25%)")
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()

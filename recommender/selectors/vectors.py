"""How far the encoding of texts has come."""

from typing import NamedTuple

from django.db.models import Exists, OuterRef

from content.models import Item, TextVector


class VectorCount(NamedTuple):
    """Texts of the catalogue, and how many of them have a vector of the encoder that was used last."""

    encoder: str
    encoded: int
    texts: int


def lacks_vectors() -> bool:
    """Tell whether a text has no vector of the encoder that was used last, or no hash yet."""
    encoder = TextVector.objects.order_by("-pk").values_list("encoder", flat=True).first() or ""
    known = TextVector.objects.filter(text_hash=OuterRef("text_hash"), encoder=encoder)
    return Item.objects.filter(~Exists(known)).exists()


def count_vectors() -> VectorCount:
    """Count without knowing the encoder itself: the web process has none."""
    encoder = TextVector.objects.order_by("-pk").values_list("encoder", flat=True).first() or ""
    hashes = Item.objects.exclude(text_hash="").values("text_hash").distinct()
    encoded = TextVector.objects.filter(encoder=encoder, text_hash__in=hashes).count()
    return VectorCount(encoder, encoded, hashes.count())

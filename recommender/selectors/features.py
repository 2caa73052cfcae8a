"""What attention weights can be of, read from the catalogue for freezing beside feedback and observations."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from content.models import Item
from recommender.attention import features_of

Described = Mapping[int, tuple[str, list[int]]]
"""Format and concepts by item id."""


def describe_items(items: Collection[int]) -> Described:
    """Return format and concepts by item id; what is gone is absent. Two queries."""
    taught: dict[int, list[int]] = defaultdict(list)
    pairs = Item.concepts.through.objects.filter(item__in=items).values_list("item", "concept")
    for item, concept in pairs:
        taught[item].append(concept)
    kinds = Item.objects.filter(pk__in=items).order_by().values_list("pk", "kind")
    return {item: (kind, taught[item]) for item, kind in kinds}


def list_features(described: Described, item: int, verb: str = "") -> list[str]:
    """Return the features of an item, or of an event of this verb on it. Raises KeyError."""
    kind, concepts = described[item]
    return features_of(item=item, kind=kind, concepts=concepts, behaviour=verb)

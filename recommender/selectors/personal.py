"""Everything that the recommender stores of one person, row by row, as she gets it in her export."""

from collections.abc import Iterator
from typing import Any

from content.models import Item
from recommender.models import Feedback, Impression, Slate
from recommender.storage import unpack_contributions, unpack_history


def export_slates(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """Her slates, oldest first, with the contributions of her events (by event number) to each entry."""
    slugs = _slugs(learner_id)
    rows = Slate.objects.filter(learner=learner_id).order_by("computed_at", "pk")
    for slate in rows.iterator(chunk_size=20):
        yield {
            "slate": str(slate.pk),
            "model_version": slate.model_version_id,
            "source": slate.source,
            "computed_at": slate.computed_at.isoformat(),
            "exploration": slate.exploration,
            "kept": slate.kept,
            "entries": [
                {**entry, "item": slugs.get(entry["item"], entry["item"]), "contributions": parts}
                for entry, parts in zip(slate.entries, _contributions(slate), strict=True)
            ],
        }


def export_impressions(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """What was shown to her, oldest first."""
    rows = Impression.objects.filter(learner=learner_id).order_by("shown_at", "pk")
    for row in rows.values(
        "slate_id", "item__slug", "position", "propensity", "explored", "shown_at"
    ).iterator():
        yield {
            "slate": str(row["slate_id"]),
            "item": row["item__slug"],
            "position": row["position"],
            "propensity": row["propensity"],
            "explored": row["explored"],
            "shown_at": row["shown_at"].isoformat(),
        }


def export_feedback(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """What she said, in the order of the ledger."""
    rows = Feedback.objects.filter(learner=learner_id).order_by("received_at", "pk")
    for row in rows.values(
        "uid", "slate_id", "item__slug", "signal", "comment", "received_at", "contributions"
    ).iterator():
        yield {
            "id": str(row["uid"]),
            "slate": str(row["slate_id"]) if row["slate_id"] else None,
            "item": row["item__slug"],
            "signal": row["signal"],
            "comment": row["comment"],
            "received_at": row["received_at"].isoformat(),
            "contributions": row["contributions"],
        }


def _slugs(learner_id: int) -> dict[int, str]:
    keys: set[int] = set()
    for entries in (
        Slate.objects.filter(learner=learner_id).values_list("entries", flat=True).iterator()
    ):
        keys.update(entry["item"] for entry in entries)
    return dict(Item.objects.filter(pk__in=keys).values_list("pk", "slug"))


def _contributions(slate: Slate) -> list[list[dict[str, Any]]]:
    if not slate.contributions:
        return [[] for _entry in slate.entries]
    events = unpack_history(slate.history)
    return [
        [
            {"event": int(events[place]), "share": round(float(share), 5)}
            for place, share in zip(places, shares, strict=True)
            if place >= 0
        ]
        for places, shares in zip(*unpack_contributions(slate.contributions), strict=True)
    ]

"""Everything that the recommender stores of one person, row by row, as she gets it in her export."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from common.pages import read_pages, read_rows

from content.models import Item
from recommender.models import AttentionProfile, Feedback, Impression, Observation, Slate
from recommender.storage import unpack_attention, unpack_contributions, unpack_history

# A slate is a hundred entries with the contributions of thirty-two events to each.
_SLATES = 20


def export_slates(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """Her slates, oldest first, with the contributions of her events (by event number) to each entry."""
    rows = Slate.objects.filter(learner=learner_id)
    fields = (
        "id", "model_version_id", "source", "computed_at", "exploration", "kept", "entries",
        "history", "contributions", "attention",
    )  # fmt: skip
    for page in read_pages(rows, *fields, key=("computed_at", "id"), size=_SLATES):
        slugs = _slugs(page)
        for slate in page:
            yield {
                "slate": str(slate["id"]),
                "model_version": slate["model_version_id"],
                "source": slate["source"],
                "computed_at": slate["computed_at"].isoformat(),
                "exploration": slate["exploration"],
                "kept": slate["kept"],
                "attention": _attention(slate),
                "entries": [
                    {
                        **entry,
                        "item": slugs.get(entry["item"], entry["item"]),
                        "contributions": parts,
                    }
                    for entry, parts in zip(slate["entries"], _contributions(slate), strict=True)
                ],
            }


def export_impressions(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """What was shown to her, in the order in which it was told."""
    rows = Impression.objects.filter(learner=learner_id)
    fields = ("slate_id", "item__slug", "position", "propensity", "explored", "shown_at")
    for row in read_rows(rows, *fields):
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
    rows = Feedback.objects.filter(learner=learner_id)
    fields = (
        *("uid", "slate_id", "item__slug", "signal", "comment", "received_at", "withdrawn_at"),
        *("features", "contributions", "slate_uid", "list_success", "course_success"),
    )
    for row in read_rows(rows, *fields, key=("received_at", "id")):
        yield {
            "id": str(row["uid"]),
            "slate": str(row["slate_id"]) if row["slate_id"] else None,
            "slate_uid": str(row["slate_uid"]) if row["slate_uid"] else None,
            "list_success": row["list_success"],
            "course_success": row["course_success"],
            "item": row["item__slug"],
            "signal": row["signal"],
            "comment": row["comment"],
            "received_at": row["received_at"].isoformat(),
            "withdrawn_at": row["withdrawn_at"].isoformat() if row["withdrawn_at"] else None,
            "features": row["features"],
            "contributions": row["contributions"],
        }


def export_observations(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """What was observed of what she did with her lists, in the order of the fold."""
    rows = Observation.objects.filter(learner=learner_id)
    fields = (
        *("event", "item__slug", "respect", "signal", "surprise", "received_at", "slate_uid"),
        *("features", "contributions"),
    )
    for row in read_rows(rows, *fields, key=("received_at", "id")):
        yield {
            "event": row["event"],
            "item": row["item__slug"],
            "respect": row["respect"],
            "signal": row["signal"],
            "surprise": row["surprise"],
            "received_at": row["received_at"].isoformat(),
            "slate_uid": str(row["slate_uid"]) if row["slate_uid"] else None,
            "features": row["features"],
            "contributions": row["contributions"],
        }


def export_attention(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """Her attention profile as it is stored: her settings, and the weights that her feedback led to."""
    for profile in AttentionProfile.objects.filter(learner=learner_id):
        yield {
            "paused": profile.paused,
            "limits": profile.limits,
            "reset_at": profile.reset_at.isoformat() if profile.reset_at else None,
            "changes": profile.revision,
            "computed_at": profile.folded_at.isoformat() if profile.folded_at else None,
            "fold": profile.state,
        }


def _slugs(slates: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    keys = {entry["item"] for slate in slates for entry in slate["entries"]}
    return dict(Item.objects.filter(pk__in=keys).values_list("pk", "slug"))


def _attention(slate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each head of the model: the largest shares, by event number, and that of nothing in particular."""
    found = unpack_attention(slate["attention"])
    if found is None:
        return []
    events = unpack_history(slate["history"])
    return [
        {
            "beginning": round(float(beginning), 4),
            "events": [
                {"event": int(events[place]), "share": round(float(share), 4)}
                for place, share in zip(places, shares, strict=True)
                if place >= 0
            ],
        }
        for beginning, places, shares in zip(*found, strict=True)
    ]


def _contributions(slate: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    if not slate["contributions"]:
        return [[] for _entry in slate["entries"]]
    events = unpack_history(slate["history"])
    return [
        [
            {"event": int(events[place]), "share": round(float(share), 5)}
            for place, share in zip(places, shares, strict=True)
            if place >= 0
        ]
        for places, shares in zip(*unpack_contributions(slate["contributions"]), strict=True)
    ]

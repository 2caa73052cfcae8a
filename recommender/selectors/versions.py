"""Reading model versions and the ledger of their activations."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from django.db.models import QuerySet

from recommender.models import Activation, ModelVersion

HEAVY: Final = ("manifest", "reference", "metrics", "fairness", "gate")
"""Columns of a version that may be large; lists go without them."""
FEWEST_CASES: Final = 100
"""Of fewer cases the means say too little to set two versions side by side."""


def get_active_version() -> ModelVersion | None:
    """The version that slates are computed with, if any; without its manifest and metrics, which may be large."""
    return _light().filter(is_active=True).first()


def get_serving_version_id() -> int | None:
    """The version that fresh slates carry; None where none is active or workers cannot load the active one.

    While it cannot be loaded, an earlier version or the syllabus serves, and slates must not count as stale because
    of that: they would be computed again and again.
    """
    return (
        ModelVersion.objects.filter(is_active=True, problem="").values_list("pk", flat=True).first()
    )


def get_roll_back_target() -> ModelVersion | None:
    """The version to go back to: the ledger read as a stack, on which rolling back pops."""
    stack: list[int] = []
    for version, reason in Activation.objects.order_by("pk").values_list("version_id", "reason"):
        if reason == "roll_back" and version in stack:
            while stack[-1] != version:
                stack.pop()
        else:
            stack.append(version)
    earlier = [version for version in stack[:-1] if version != stack[-1]]
    return _light().filter(pk=earlier[-1]).first() if earlier else None


def list_fallbacks(*, limit: int = 3) -> list[ModelVersion]:
    """Versions that were active before the present one, last first: what serves while the active one can't be loaded."""
    ledger = Activation.objects.select_related("version").order_by("-pk")[: 10 * limit]
    found = {row.version_id: row.version for row in ledger if not row.version.is_active}
    return list(found.values())[:limit]


def list_versions() -> QuerySet[ModelVersion]:
    """All versions, newest first, without manifests and curves, which may be large: `.defer(None)` brings them."""
    versions = ModelVersion.objects.select_related("run").order_by("-pk")
    return versions.defer("manifest", "reference", "fairness", "run__history", "run__options")


class Compared(NamedTuple):
    """One metric of a version beside the active version's; no difference where either has too few cases."""

    name: str
    value: float | None
    active: float | None
    difference: float | None
    too_few: bool

    @property
    def places(self) -> int:
        """Decimals: counts have none."""
        return 0 if self.name.startswith("cases") else 3


def compare_with_active(version: ModelVersion) -> list[Compared]:
    """Every metric that either of them has; each was measured on what its own run held out."""
    versions = ModelVersion.objects.defer("manifest", "reference", "fairness", "gate")
    active = versions.filter(is_active=True).exclude(pk=version.pk).first()
    theirs = active.metrics if active else {}
    names = sorted({*version.metrics, *theirs})
    rows = []
    for name in names:
        own, other = version.metrics.get(name), theirs.get(name)
        known = own is not None and other is not None
        too_few = (
            known and not name.startswith("cases") and _has_too_few(name, version.metrics, theirs)
        )
        rows.append(
            Compared(name, own, other, own - other if known and not too_few else None, too_few)
        )
    return rows


def _has_too_few(name: str, *measured: Mapping[str, float]) -> bool:
    counted = "cases_explored" if name.endswith("_explored") else "cases"
    return any(metrics.get(counted, FEWEST_CASES) < FEWEST_CASES for metrics in measured)


def _light() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.defer(*HEAVY)


def list_candidates() -> QuerySet[ModelVersion]:
    """Versions newer than the active one that were never active, newest first."""
    candidates = ModelVersion.objects.filter(activations=None).order_by("-pk")
    if (active := get_active_version()) is not None:
        candidates = candidates.filter(pk__gt=active.pk)
    return candidates

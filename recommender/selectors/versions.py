"""Reading model versions and the ledger of their activations."""

from django.db.models import QuerySet

from recommender.models import Activation, ModelVersion


def get_active_version() -> ModelVersion | None:
    """The version that slates are computed with, if any; without its manifest and metrics, which may be large."""
    return ModelVersion.objects.defer("manifest", "metrics", "gate").filter(is_active=True).first()


def list_fallbacks(*, limit: int = 3) -> list[ModelVersion]:
    """Versions that were active before the present one, last first: what serves while the active one can't be loaded."""
    ledger = Activation.objects.select_related("version").order_by("-pk")[: 10 * limit]
    found = {row.version_id: row.version for row in ledger if not row.version.is_active}
    return list(found.values())[:limit]


def list_versions() -> QuerySet[ModelVersion]:
    """All versions, newest first."""
    return ModelVersion.objects.select_related("run", "parent").order_by("-pk")

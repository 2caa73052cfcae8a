"""The pointer to the active version: one atomic step, with a ledger, and the way back.

No learner row is written: whose slate has another version than the active one is stale, which the sweeper and the
readers find out by comparing.
"""

from types import EllipsisType
from typing import Any, Final

from common.api.errors import Refused
from common.queue import SWEEP_LEARNERS, enqueue_on_commit
from common.turns import take_turn
from django.core.files.storage import storages
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from recommender.models import Activation, ModelVersion
from recommender.selectors.gate import name_lease
from recommender.selectors.versions import get_roll_back_target
from recommender.services.leases import require_lease

BY_OPERATOR: Final = "operator"
BY_GATE: Final = "gate"
ROLL_BACK: Final = "roll_back"
DEMO: Final = "demo"

_TURN: Final = "attune activation"


class Overtaken(Exception):
    """Another version is active than the one that the caller decided about."""


def activate_version(
    *,
    version: ModelVersion,
    by: Any | None = None,
    reason: str = BY_OPERATOR,
    instead_of: ModelVersion | EllipsisType | None = ...,
) -> ModelVersion:
    """Make `version` the active one and append to the ledger; the active one itself stays as it is.

    Raises Refused where the version's files aren't in the artefact storage, ModelVersion.DoesNotExist, Overtaken where
    `instead_of` (None: no version; `...`: any) is no longer the active one.
    """
    checked = ModelVersion.objects.get(pk=version.pk)
    if checked.is_active:
        return checked
    _require_files(checked)
    with transaction.atomic():
        take_turn(_TURN)
        return _point_to(checked, by=by, reason=reason, instead_of=instead_of)


def roll_back(*, by: Any | None = None) -> ModelVersion:
    """Activate the version that was active before the present one; a second time goes one further back.

    Raises Refused where there is none.
    """
    while True:
        target = get_roll_back_target()
        if target is None:
            raise Refused(_("There is no earlier version to go back to."))
        _require_files(target)
        with transaction.atomic():
            take_turn(_TURN)
            if get_roll_back_target() == target:
                return _point_to(target, by=by, reason=ROLL_BACK, instead_of=...)
        # Somebody else activated a version meanwhile; going back from that one is what the ledger now says.


@transaction.atomic
def record_verdict(*, version_id: int, gate: dict[str, Any], owner: str) -> None:
    """Keep what the activation gate found. Raises LostLease where `owner` no longer is the one who judges."""
    require_lease(name=name_lease(version_id), owner=owner)
    ModelVersion.objects.filter(pk=version_id).update(gate=gate)


def _require_files(version: ModelVersion) -> None:
    """Asked of the storage, because a worker would find out only after the old version is gone.

    Never while the lock of `_serialise` is held: an object store may take its time.
    """
    if not storages["artefacts"].exists(f"{version.artefact}/manifest.json"):
        raise Refused(
            _("The files of %(version)s are not in the artefact storage.") % {"version": version}
        )


def _point_to(
    checked: ModelVersion,
    *,
    by: Any | None,
    reason: str,
    instead_of: ModelVersion | EllipsisType | None,
) -> ModelVersion:
    version = ModelVersion.objects.select_for_update().get(
        pk=checked.pk, artefact=checked.artefact, sha256=checked.sha256
    )
    if version.is_active:
        return version
    previous = ModelVersion.objects.filter(is_active=True).only("pk").first()
    if instead_of is not ... and previous != instead_of:
        raise Overtaken
    # Two statements in this order, because the database allows one active version at any moment.
    ModelVersion.objects.filter(is_active=True).update(is_active=False)
    ModelVersion.objects.filter(pk=version.pk).update(
        is_active=True, activated_at=Now(), problem=""
    )
    Activation.objects.create(version=version, previous=previous, by=by, reason=reason)
    enqueue_on_commit(SWEEP_LEARNERS)
    version.refresh_from_db()
    return version

"""The pointer to the active version: one atomic step, with a ledger, and the way back.

No learner row is written: whose slate has another version than the active one is stale, which the sweeper and the
readers find out by comparing.
"""

import zlib
from datetime import timedelta
from typing import Any, Final

from common.api.errors import Refused
from common.queue import SWEEP_LEARNERS, enqueue_on_commit
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from recommender.models import Activation, ModelVersion
from recommender.selectors.versions import get_roll_back_target

BY_OPERATOR: Final = "operator"
BY_GATE: Final = "gate"
ROLL_BACK: Final = "roll_back"
DEMO: Final = "demo"

_LOCK: Final = zlib.crc32(b"attune activation")


@transaction.atomic
def activate_version(
    *, version: ModelVersion, by: Any | None = None, reason: str = BY_OPERATOR
) -> ModelVersion:
    """Make `version` the active one and append to the ledger; the active one itself stays as it is.

    Raises Refused where the version's files aren't in the artefact storage.
    """
    _serialise()
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    if version.is_active:
        return version
    # Asked of the storage here, because a worker would find out only after the old version is gone.
    if not storages["artefacts"].exists(f"{version.artefact}/manifest.json"):
        raise Refused(
            _("The files of %(version)s are not in the artefact storage.") % {"version": version}
        )
    previous = ModelVersion.objects.filter(is_active=True).only("pk").first()
    # Two statements in this order, because the database allows one active version at any moment.
    ModelVersion.objects.filter(is_active=True).update(is_active=False)
    ModelVersion.objects.filter(pk=version.pk).update(
        is_active=True, activated_at=Now(), problem=""
    )
    Activation.objects.create(version=version, previous=previous, by=by, reason=reason)
    enqueue_on_commit(SWEEP_LEARNERS)
    version.refresh_from_db()
    return version


@transaction.atomic
def roll_back(*, by: Any | None = None) -> ModelVersion:
    """Activate the version that was active before the present one; a second time goes one further back.

    Raises Refused where there is none.
    """
    _serialise()
    target = get_roll_back_target()
    if target is None:
        raise Refused(_("There is no earlier version to go back to."))
    return activate_version(version=target, by=by, reason=ROLL_BACK)


@transaction.atomic
def claim_verdict(*, version_id: int, seconds: float = 900.0) -> bool:
    """Tell whether the caller may judge the version now; another worker may not for `seconds`, or until the verdict."""
    version = ModelVersion.objects.select_for_update().get(pk=version_id)
    until = parse_datetime(str(version.gate.get("judging_until") or ""))
    now = timezone.now()
    if until is not None and until > now:
        return False
    version.gate["judging_until"] = (now + timedelta(seconds=seconds)).isoformat()
    version.save(update_fields=["gate"])
    return True


def record_verdict(*, version_id: int, gate: dict[str, Any]) -> None:
    """Keep what the activation gate found."""
    ModelVersion.objects.filter(pk=version_id).update(gate=gate)


def _serialise() -> None:
    """Let one activation at a time through, to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])

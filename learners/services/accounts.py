"""Accounts: what a person changes of her own, and leaving for good."""

import logging
from datetime import datetime

from common.privacy import registered_personal_data
from django.db import transaction
from knox.models import AuthToken

from learners.models import Group, LearnerState, User
from learners.models.sessions import SessionStore
from learners.services.assignments import drop_from_rules
from learners.services.event_store import lock_history

logger = logging.getLogger(__name__)


def update_account(*, person: User, **fields: str) -> User:
    """Change her name or language."""
    for name, value in fields.items():
        setattr(person, name, value)
    person.save(update_fields=list(fields))
    return person


def end_tokens(*, person: User) -> int:
    """End her API tokens, as whoever gives her another password must: they may be in the hands that it is changed for.

    Her sessions end by themselves, since each holds a hash of the password. Returns how many tokens there were.
    """
    return int(AuthToken.objects.filter(user=person.pk).delete()[0])


def prune_sign_ins(*, now: datetime) -> None:
    """Delete the sessions and API tokens that have expired: one that nobody uses again is asked about by nobody."""
    SessionStore.clear_expired()
    AuthToken.objects.filter(expiry__lt=now).delete()


@transaction.atomic
def erase_person(*, person: User) -> dict[str, int]:
    """Erase everything stored of `person` in every app, account, tokens and sessions included, or nothing of it.

    Returns the number of rows erased by app. Weights trained before still reflect what she did until the next run,
    which excludes her.
    """
    pseudonym, pk = person.pseudonym, person.pk
    for group in _lock_out_writers(pk):
        drop_from_rules(learner_id=pk, group_id=group)
    erased = {entry.app: entry.erase(pk) for entry in registered_personal_data()}
    logger.info("person erased", extra={"person": str(pseudonym), "rows": erased})
    return erased


def _lock_out_writers(pk: int) -> list[int]:
    """Whatever somebody else is writing of her right now is waited for; what comes later waits, and finds her gone.

    In the order in which they lock: her groups and her history first, then her state, and the account, which only a
    commit looks for, last. The other way round they and this would wait for each other. Returns the ids of her groups.
    """
    groups = Group.objects.filter(memberships__learner=pk).order_by("pk")
    held = list(groups.select_for_update(of=("self",)).values_list("pk", flat=True))
    lock_history(pk)
    LearnerState.objects.select_for_update().filter(pk=pk).first()
    User.objects.select_for_update().filter(pk=pk).first()
    return held

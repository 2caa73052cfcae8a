"""Accounts: what a person changes of her own, and leaving for good."""

import logging

from common.privacy import registered_personal_data
from django.db import transaction

from learners.models import User

logger = logging.getLogger(__name__)


def update_account(*, person: User, **fields: str) -> User:
    """Change her name or language."""
    for name, value in fields.items():
        setattr(person, name, value)
    person.save(update_fields=list(fields))
    return person


@transaction.atomic
def erase_person(*, person: User) -> dict[str, int]:
    """Erase everything stored of `person` in every app, account, tokens and sessions included, or nothing of it.

    Returns the number of rows erased by app. Weights trained before still reflect what she did until the next run,
    which excludes her.
    """
    pseudonym, pk = person.pseudonym, person.pk
    # Whatever somebody else is writing of her right now waits here, and then finds her gone.
    User.objects.select_for_update().filter(pk=pk).first()
    erased = {entry.app: entry.erase(pk) for entry in registered_personal_data()}
    logger.info("person erased", extra={"person": str(pseudonym), "rows": erased})
    return erased

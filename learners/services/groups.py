"""Groups: their learners, their courses and the code to join by. Each change locks the group's row first.

Without the lock, a learner who joins while a course is added could miss that course for good.
"""

import secrets
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound

from content.models import Course
from learners.models import Group, Membership, User
from learners.services.assignments import drop_from_rules
from learners.services.enrolment import enrol_learners, withdraw_learners
from learners.services.freshness import mark_dirty

# No 0 and O, 1 and I and L, 5 and S, 2 and Z, 8 and B, U and V: the code is read aloud and copied from a board.
CODE_ALPHABET: Final = "ACDEFGHJKMNPQRTWXY34679"
# 23 ** 8 is 2 ** 36: at sixty tries a minute, guessing one of a thousand codes takes years.
CODE_LENGTH: Final = 8


class UnknownJoinCode(NotFound):
    """No group has this code, or it was revoked."""

    default_code = "unknown_join_code"


@transaction.atomic
def create_group(*, teacher: User, name: str) -> Group:
    """Make a group led by `teacher`, with a fresh join code and nobody in it."""
    group = Group.objects.create(name=name)
    group.teachers.add(teacher)
    renew_join_code(group=group)
    return group


def rename_group(*, group: Group, name: str) -> Group:
    """Give the group another name."""
    group.name = name
    group.save(update_fields=["name"])
    return group


@transaction.atomic
def delete_group(*, group: Group) -> None:
    """Remove the group with its rules; its learners lose what they were enrolled in through it, not their events."""
    learners = list(_lock(group).memberships.values_list("learner", flat=True))
    group.delete()
    mark_dirty(learner_ids=learners)


@transaction.atomic
def add_learner(*, group: Group, learner: User) -> bool:
    """Add a learner and enrol her in the group's courses. False when she was in it already."""
    group = _lock(group)
    _membership, created = Membership.objects.get_or_create(group=group, learner=learner)
    if created:
        enrol_learners(learner_ids=[learner.pk], courses=group.courses.all(), group=group)
        # The group's rules reach her even where it has no course that is new to her.
        mark_dirty(learner_ids=[learner.pk])
    return created


@transaction.atomic
def remove_learner(*, group: Group, learner: User) -> None:
    """Take a learner out of the group, of its courses and of the rules that name her."""
    group = _lock(group)
    Membership.objects.filter(group=group, learner=learner).delete()
    drop_from_rules(learner_id=learner.pk, group_id=group.pk)
    withdraw_learners(learner_ids=[learner.pk], group=group)
    mark_dirty(learner_ids=[learner.pk])


@transaction.atomic
def add_course(*, group: Group, course: Course) -> int:
    """Let all members, and those who join later, study `course`. Returns how many learners are newly enrolled."""
    group = _lock(group)
    group.courses.add(course)
    learners = list(group.memberships.values_list("learner", flat=True))
    return enrol_learners(learner_ids=learners, courses=[course], group=group)


@transaction.atomic
def remove_course(*, group: Group, course: Course) -> int:
    """Withdraw the course from the group. Returns how many enrolments ended."""
    group = _lock(group)
    group.courses.remove(course)
    learners = list(group.memberships.values_list("learner", flat=True))
    return withdraw_learners(learner_ids=learners, courses=[course], group=group)


def renew_join_code(*, group: Group) -> str:
    """Give the group a new random code; the old one stops working at once."""
    while True:
        code = "".join(secrets.choice(CODE_ALPHABET) for _position in range(CODE_LENGTH))
        try:
            with transaction.atomic():
                Group.objects.filter(pk=group.pk).update(join_code=code)
        except IntegrityError:
            continue  # another group has it
        group.join_code = code
        return code


def revoke_join_code(*, group: Group) -> None:
    """Let nobody join by code any more; members stay."""
    group.join_code = None
    group.save(update_fields=["join_code"])


@transaction.atomic
def join_group(*, learner: User, code: str) -> Group:
    """Add the learner to the group of this code, however it is typed: case, spaces and dashes do not count.

    Raises UnknownJoinCode.
    """
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    found = (
        Group.objects.select_for_update().filter(join_code=plain) if plain else Group.objects.none()
    )
    group: Group | None = found.first()
    if group is None:
        raise UnknownJoinCode(_("No group has this code. Ask your teacher for the present one."))
    add_learner(group=group, learner=learner)
    return group


def _lock(group: Group) -> Group:
    locked: Group = Group.objects.select_for_update().get(pk=group.pk)
    return locked

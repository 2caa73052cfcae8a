"""Teachers' rules: study this, keep it on top, or never show it."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from content.models import Concept, Item
from learners.models import Assignment, Group, User
from learners.services.freshness import mark_dirty


@transaction.atomic
def give_assignment(
    *,
    group: Group,
    teacher: User,
    rule: str,
    items: Collection[Item] = (),
    concept: Concept | None = None,
    learners: Collection[User] = (),
    due: datetime | None = None,
) -> Assignment:
    """Give the group (or `learners` of it) a rule on `items`, or on all of its courses' items that teach `concept`.

    The very same rule given again changes nothing: the one in force is returned.
    Raises ValidationError naming the field: exactly one of items and concept; both from the group's own courses;
    learners who are members; a due date for assigned work only.
    """
    if bool(items) == (concept is not None):
        raise ValidationError({"items": [_("Give either items or a concept.")]})
    if due is not None and rule != Assignment.Rule.ASSIGN:
        raise ValidationError({"due": [_("Only assigned work can be due.")]})
    group = Group.objects.select_for_update().get(pk=group.pk)
    offered = Item.objects.filter(course__in=group.courses.all())
    own = set(offered.filter(pk__in=[item.pk for item in items]).values_list("pk", flat=True))
    if slugs := sorted(item.slug for item in items if item.pk not in own):
        raise ValidationError(
            {"items": [_("Not in this group's courses: %(slugs)s.") % {"slugs": ", ".join(slugs)}]}
        )
    if concept is not None and not offered.filter(concepts=concept).exists():
        raise ValidationError({"concept": [_("No item of this group's courses teaches it.")]})
    members = set(group.memberships.values_list("learner", flat=True))
    if strangers := sorted(one.username for one in learners if one.pk not in members):
        raise ValidationError(
            {"learners": [_("Not in this group: %(names)s.") % {"names": ", ".join(strangers)}]}
        )
    same = Assignment.objects.in_force().filter(group=group, rule=rule, concept=concept, due=due)
    for held in same.prefetch_related("items", "learners"):
        if set(held.items.all()) == set(items) and set(held.learners.all()) == set(learners):
            return held
    assignment = Assignment.objects.create(
        group=group, teacher=teacher, rule=rule, concept=concept, due=due
    )
    assignment.items.set(items)
    assignment.learners.set(learners)
    mark_dirty(learner_ids={one.pk for one in learners} or members)
    return assignment


def is_opposed(assignment: Assignment) -> bool:
    """Whether a rule in force says the opposite of the same item or concept to somebody whom this one reaches.

    Hiding is the opposite of assigning and of keeping at the top.
    """
    ban = Assignment.Rule.BAN
    others = Assignment.objects.in_force().filter(group=assignment.group)
    hides = assignment.rule == ban
    others = others.exclude(rule=ban) if hides else others.filter(rule=ban)
    items, reached = set(assignment.items.all()), set(assignment.learners.all())
    for other in others.prefetch_related("items", "learners"):
        about = set(other.items.all())
        named = set(other.learners.all())
        same = bool(items & about) or (
            assignment.concept_id is not None and assignment.concept_id == other.concept_id
        )
        if same and (not named or not reached or named & reached):
            return True
    return False


@transaction.atomic
def withdraw_assignment(*, assignment: Assignment) -> None:
    """End a rule; it is kept, so that what learners were shown while it held can be explained."""
    held = Assignment.objects.select_for_update().get(pk=assignment.pk)
    if held.withdrawn_at is not None:
        return
    held.withdrawn_at = timezone.now()
    held.save(update_fields=["withdrawn_at"])
    named = set(held.learners.values_list("pk", flat=True))
    members = set(held.group.memberships.values_list("learner", flat=True))
    mark_dirty(learner_ids=named or members)


def drop_from_rules(*, learner_id: int, group_id: int) -> None:
    """Take her name off the group's rules. One that named only her ends: naming nobody, it would reach everybody.

    The caller holds the group's row, so that no two of those whom a rule names leave at once.
    """
    for rule in Assignment.objects.in_force().filter(group=group_id, learners=learner_id):
        if rule.learners.count() == 1:
            rule.withdrawn_at = timezone.now()
            rule.save(update_fields=["withdrawn_at"])
        rule.learners.remove(learner_id)

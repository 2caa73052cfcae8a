"""Which parts learners belong to: their groups, and what operators have declared of them. For comparing, never for ranking."""

from collections import defaultdict
from collections.abc import Collection

from learners.models import LearnerAttribute, Membership


def list_groups_of(*, learner_ids: Collection[int]) -> dict[tuple[int, str], list[int]]:
    """Return the learners among these in each group, by its key and name; a learner may be in several."""
    rows = Membership.objects.filter(learner__in=learner_ids).order_by("group_id", "learner_id")
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for group, name, learner in rows.values_list("group_id", "group__name", "learner_id"):
        found[group, name].append(learner)
    return dict(found)


def list_attributes_of(*, learner_ids: Collection[int]) -> dict[str, dict[str, list[int]]]:
    """Return the learners among these by attribute and value; who has none of a name is not in it."""
    rows = LearnerAttribute.objects.filter(learner__in=learner_ids)
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for name, value, learner in rows.order_by("name", "value", "learner_id").values_list(
        "name", "value", "learner_id"
    ):
        found[name][value].append(learner)
    return {name: dict(values) for name, values in found.items()}

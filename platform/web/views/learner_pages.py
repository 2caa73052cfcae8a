"""One learner, as her teacher sees her: how she is doing, what was done last, and what to give her."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from content.models import Item
from learners.models import Group, User
from learners.selectors import read_activity, summarise_progress
from recommender.selectors.attention_map import find_map
from recommender.selectors.attention_view import describe_attention
from recommender.selectors.recommendations import (
    RecommendedItem,
    find_newest_slate,
    list_recommendations,
)
from web.activity import tell_activity
from web.assigned import find_assigned, mark_assigned
from web.attention_map import lay_out
from web.forms import RuleForm
from web.mastery import read_mastery
from web.requests import PersonRequest
from web.views.groups import find_group, list_rules

COUNTING = 6
WORST = 5
"""Concepts shown at once; who fails at eighteen needs a first step, not eighteen buttons."""


@login_required
@require_GET
def show_learner(request: PersonRequest, pk: int, learner: int) -> HttpResponse:
    group = find_group(request, pk)
    person = get_object_or_404(group.learners, pk=learner)
    return render(request, "web/learner.html", describe_learner(group, person))


def describe_learner(group: Group, person: User) -> dict[str, Any]:
    """What her page shows: only what she does in the group's own courses is her teacher's business."""
    courses = list(group.courses.values_list("pk", flat=True))
    slugs = set(group.courses.values_list("slug", flat=True))
    newest = find_newest_slate(learner_id=person.pk)
    listed = (
        list_recommendations(newest, now=timezone.now(), course_slug=None, limit=40).items
        if newest
        else []
    )
    summary = summarise_progress(learner_id=person.pk, course_ids=courses)
    struggles = mark_assigned(
        summary["struggling"], learner_id=person.pk, assigned=find_assigned(group)
    )
    attention = describe_attention(learner_id=person.pk, now=timezone.now(), course_ids=courses)
    return {
        "group": group,
        "person": person,
        "name": person.get_full_name() or person.username,
        "summary": summary,
        "mastery": read_mastery(learner_id=person.pk, course_ids=courses),
        "worst": struggles[:WORST],
        "other_struggles": struggles[WORST:],
        "activity": tell_activity(
            read_activity(learner_id=person.pk, course_ids=courses, limit=80), limit=15
        ),
        "upcoming": _leave_out_others(
            [each for each in listed if each.course in slugs][:5], courses
        ),
        "attention": attention,
        "counting": attention.features[:COUNTING],
        "map": lay_out(find_map(learner_id=person.pk, course_ids=courses)),
        "rules": list_rules(group, person),
        "page_of": person,
        "rule_form": RuleForm(group=group, initial={"learners": [person.pk]}),
    }


def _leave_out_others(
    listed: Sequence[RecommendedItem], courses: Collection[int]
) -> list[RecommendedItem]:
    """The list without reasons that tell what she did in courses that aren't this group's."""
    cited = {
        evidence["item"]
        for each in listed
        for reason in each.reasons
        for evidence in reason["evidence"]
    }
    own = set(
        Item.objects.filter(slug__in=cited - {None}, course__in=courses).values_list(
            "slug", flat=True
        )
    )
    return [
        replace(
            each,
            reasons=[
                reason
                for reason in each.reasons
                if all(evidence["item"] in {None, *own} for evidence in reason["evidence"])
            ],
        )
        for each in listed
    ]

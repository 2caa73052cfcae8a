"""A learner's own progress."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from learners.selectors import list_learner_courses, read_activity, summarise_progress
from web.activity import tell_activity
from web.mastery import read_mastery
from web.requests import PersonRequest


@login_required
@require_GET
def show_progress(request: PersonRequest) -> HttpResponse:
    courses = list_learner_courses([request.user.pk])[request.user.pk]
    context = {
        "summary": summarise_progress(learner_id=request.user.pk, course_ids=courses),
        "mastery": read_mastery(learner_id=request.user.pk, course_ids=courses),
        "activity": tell_activity(
            read_activity(learner_id=request.user.pk, course_ids=courses, limit=80), limit=12
        ),
    }
    return render(request, "web/progress.html", context)

"""Placement: a few questions that find where a newcomer stands. She may leave at any of them."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from recommender.core.placement import MOST
from recommender.selectors.placement import read_placement
from web.requests import PersonRequest


@login_required
@require_GET
def show_placement(request: PersonRequest, slug: str) -> HttpResponse:
    """What it is and how far she is; an exercise opened from here leads to the next one (`?placement=1`)."""
    found = read_placement(learner_id=request.user.pk, course_slug=slug, now=timezone.now())
    if found is None:
        raise Http404
    return render(request, "web/placement.html", {"placement": found, "most": MOST})

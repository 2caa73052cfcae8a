"""Reviews: what is due to be gone over again, one exercise after the other."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from recommender.selectors.reviews import list_due_reviews
from web.requests import PersonRequest


@login_required
@require_GET
def show_reviews(request: PersonRequest) -> HttpResponse:
    """All that is due, the least remembered first; an item opened from here leads to the next one (`?review=1`)."""
    due = list_due_reviews(learner_id=request.user.pk, now=timezone.now())
    minutes = sum(each.minutes for each in due)
    return render(request, "web/reviews.html", {"due": due, "minutes": minutes})

"""The page of one item: read, watch or answer it, say what you think of it, and go on."""

import uuid
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from common.access import visible
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers
from rest_framework.exceptions import APIException

from content.grading import InvalidResponse
from content.markdown import render as render_markdown
from content.models import Item
from content.selectors import list_items
from learners.models import ItemProgress
from learners.selectors import get_studied_item
from learners.services.events import NewEvent, record_attempt, record_events
from recommender.selectors.placement import read_placement
from recommender.selectors.recommendations import RecommendedItem, find_newest_slate
from recommender.selectors.reviews import DueReview, list_due_reviews
from recommender.services.recommendations import get_recommendations
from web.exercise_form import (
    QuestionOnPage,
    make_response,
    place_error,
    place_grade,
    read_answers,
    read_questions,
)
from web.requests import PersonRequest
from web.views.home import SIGNALS
from web.views.parameters import read_uuid


@login_required
@require_GET
@vary_on_headers("HX-Request", "HX-Target")  # going back shows the page, not a part of it
def show_item(request: PersonRequest, slug: str) -> HttpResponse:
    item, studied = _find_item(request, slug)
    questions = read_questions(item, request.GET)
    if request.htmx and request.htmx.target and request.htmx.target.startswith("hints-"):
        asked = request.htmx.target.removeprefix("hints-")
        for question in questions:
            if str(question.index) == asked:
                context = {"item": item, "question": question}
                return render(request, "web/_hints.html", context)
        raise Http404
    context = _context(request, item, questions, studied=studied)
    if request.htmx and request.htmx.target == "work":  # "Try again"
        return render(request, "web/_work.html", context)
    return render(request, "web/item.html", context)


@login_required
@require_POST
def answer_item(request: PersonRequest, slug: str) -> HttpResponse:
    """Grade in place. Sent twice with the same id it is one attempt, so reloading the result is harmless."""
    item = _find_studied(request, slug)
    questions = read_questions(item, request.POST)
    complete = read_answers(questions, request.POST)
    # A page that swaps a part is served well by 200; without a script the status tells what happened.
    grade, status = None, 200 if request.htmx else 422
    if complete and questions:
        try:
            grade = record_attempt(
                actor=request.user,
                item=item,
                uid=read_uuid(request.POST.get("id")) or uuid.uuid4(),
                response=make_response(item, questions),
                hints=sum(len(question.hints) for question in questions),
            )
        except InvalidResponse as error:
            place_error(questions, error)
        except APIException as error:
            messages.error(request, str(error.detail))
            return redirect("web:item", slug)
        else:
            place_grade(questions, grade)
            status = 200
    context = _context(request, item, questions, studied=True, grade=grade)
    template = "web/_work.html" if request.htmx else "web/item.html"
    return render(request, template, context, status=status)


@login_required
@require_POST
def finish_item(request: PersonRequest, slug: str) -> HttpResponse:
    """Mark as done: a `completed` event, with the attention time that the page measured."""
    item = _find_studied(request, slug)
    event = NewEvent(
        uid=read_uuid(request.POST.get("id")) or uuid.uuid4(),
        verb="completed",
        item_id=item.pk,
        occurred_at=timezone.now(),
        duration=_read_seconds(request.POST.get("duration")),
    )
    record_events(actor=request.user, events=[event])
    if request.htmx:
        context = _context(request, item, [], studied=True)
        return render(request, "web/_after.html", {**context, "just_done": True})
    messages.success(request, _("Done: “%(title)s”.") % {"title": item.title})
    return redirect("web:home")


def _find_item(request: PersonRequest, slug: str) -> tuple[Item, bool]:
    """The item, and whether this person studies it. Others who may see it (its teachers, authors) get a preview."""
    try:
        found, studied = get_studied_item(learner_id=request.user.pk, slug=slug), True
    except Item.DoesNotExist:
        found = get_object_or_404(visible(Item.objects.all(), request.user), slug=slug)
        studied = False
    return list_items([found.pk]).prefetch_related("questions").get(), studied


def _find_studied(request: PersonRequest, slug: str) -> Item:
    item, studied = _find_item(request, slug)
    if not studied:
        raise Http404
    return item


def _context(
    request: PersonRequest,
    item: Item,
    questions: list[QuestionOnPage],
    *,
    studied: bool,
    grade: Any = None,
) -> dict[str, Any]:
    progress = ItemProgress.objects.filter(learner=request.user, item=item).first()
    review, placement = (
        studied and "1" in {request.POST.get(name), request.GET.get(name)}
        for name in ("review", "placement")
    )
    slate = _find_slate(request, item) if studied else None
    following: Any = None
    placed = False
    if studied and placement and not review:
        following, placed = _find_next_question(request, item)
    elif studied:
        following = (_find_next_review if review else _find_following)(request, item)
    return {
        "item": item,
        "body": render_markdown(item.body),
        "questions": questions,
        "studied": studied,
        "grade": grade,
        "uid": uuid.uuid4(),
        "progress": progress,
        "following": following,
        "slate": slate,
        "review": review,
        "placement": placement,
        "placed": placed,
        "kept_query": _keep_query(slate, review=review, placement=placement),
        "signals": SIGNALS,
        "focused": request.GET.get("focus") == "1",
    }


def _find_following(request: PersonRequest, item: Item) -> RecommendedItem | None:
    """The best item of her list but this one."""
    best = get_recommendations(learner_id=request.user.pk, limit=2).items
    return next((each for each in best if each.slug != item.slug), None)


def _find_next_review(request: PersonRequest, item: Item) -> DueReview | None:
    """What is due for review but this one, the least remembered."""
    due = list_due_reviews(learner_id=request.user.pk, now=timezone.now())
    return next((each for each in due if each.slug != item.slug), None)


def _find_next_question(request: PersonRequest, item: Item) -> tuple[Item | None, bool]:
    """What would tell most of where she stands in the course, but this one; and whether enough is known of that."""
    found = read_placement(
        learner_id=request.user.pk,
        course_slug=item.course.slug,
        now=timezone.now(),
        without=item.slug,
    )
    return (found.item, found.known.enough) if found else (None, False)


def _keep_query(slate: UUID | None, *, review: bool, placement: bool) -> str:
    """What links to the same page hand on: the slate that brought her here, and the session that she is in."""
    kept: dict[str, Any] = {"slate": slate} if slate else {}
    kept |= {"review": 1} if review else {}
    kept |= {"placement": 1} if placement else {}
    return f"?{urlencode(kept)}" if kept else ""


def _find_slate(request: PersonRequest, item: Item) -> UUID | None:
    """The slate that brought her here, else her newest one if the item is on it: what feedback refers to."""
    given = read_uuid(request.POST.get("slate") or request.GET.get("slate"))
    if given:
        return given
    newest = find_newest_slate(learner_id=request.user.pk)
    on_it = newest and any(entry["item"] == item.pk for entry in newest.slate.entries)
    return newest.slate.pk if newest and on_it else None


def _read_seconds(value: str | None) -> float | None:
    """Seconds of attention as the page measured them; what is no number from 0 to a day is unknown."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if 0 < seconds <= 86_400 else None

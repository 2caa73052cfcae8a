"""`/`: what each person needs first. Learners: Next. Teachers: their groups. Operators: the state of things."""

from typing import Final, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from rest_framework.exceptions import NotFound, ValidationError

from recommender.models import Feedback
from recommender.services.feedback import record_feedback
from web.next_page import read_next_page
from web.operations import read_numbers
from web.requests import PageRequest, PersonRequest
from web.views.groups import list_groups
from web.views.parameters import read_count, read_uuid

TRIES: Final = 12
"""How often the page asks for the newer list before it stops: about twenty seconds in all."""

SIGNALS: Final = [
    (Feedback.Signal.HELPFUL, gettext_lazy("Helpful")),
    (Feedback.Signal.NOT_HELPFUL, gettext_lazy("Not helpful")),
    (Feedback.Signal.TOO_EASY, gettext_lazy("Too easy")),
    (Feedback.Signal.TOO_HARD, gettext_lazy("Too hard")),
    (Feedback.Signal.NOT_NOW, gettext_lazy("Not now")),
    (Feedback.Signal.KNOWN, gettext_lazy("I know this")),
]
ANSWERS: Final = {
    Feedback.Signal.HELPFUL: gettext_lazy("Thank you. It is good to know that this helped."),
    Feedback.Signal.NOT_HELPFUL: gettext_lazy("Thank you. We'll remember that this didn't help."),
    Feedback.Signal.TOO_EASY: gettext_lazy("Thank you. Harder things will come."),
    Feedback.Signal.TOO_HARD: gettext_lazy("Thank you. Easier things will come."),
    Feedback.Signal.NOT_NOW: gettext_lazy("All right, not today."),
    Feedback.Signal.KNOWN: gettext_lazy("Noted: you know this. You won't see it here again."),
}


@require_GET
def show_home(request: PageRequest) -> HttpResponse:
    person = request.user
    if not person.is_authenticated:
        return render(request, "web/landing.html")
    if person.is_operator:
        return render(request, "web/operator.html", {"numbers": read_numbers()})
    if person.is_teacher and not person.enrolments.exists():
        return list_groups(cast(PersonRequest, request))
    return _show_next(cast(PersonRequest, request))


def _show_next(request: PersonRequest) -> HttpResponse:
    page = read_next_page(learner=request.user, course_slug=request.GET.get("course", ""))
    context = {"page": page, "signals": SIGNALS, "tries": 0}
    if page is None:
        return render(request, "web/next_empty.html")
    if not request.htmx or "try" not in request.GET:
        return render(request, "web/next.html", context)
    # The page waits for a newer list than the one it shows.
    shown = read_uuid(request.GET.get("after"))
    tries = read_count(request.GET.get("try"), most=TRIES) + 1
    if page.slate != shown and not page.stale:
        response = render(request, "web/_next_list.html", {**context, "renewed": True})
        response["HX-Retarget"], response["HX-Reswap"] = "#next-list", "outerHTML"
        return response
    return render(
        request,
        "web/_next_wait.html",
        {
            "after": shown or page.slate,
            "course": page.course.slug if page.course else "",
            "tries": tries,
            "most": TRIES,
        },
    )


@login_required
@require_POST
def give_feedback(request: PersonRequest, slate: UUID) -> HttpResponse:
    """One press: stored, acknowledged in the card's place, and the page waits for the list that follows."""
    signal, slug = request.POST.get("signal", ""), request.POST.get("item", "")
    if signal not in Feedback.Signal.values:
        return HttpResponse(_("Unknown feedback."), status=400)
    course = request.POST.get("course", "")
    feedback = None
    try:
        feedback = record_feedback(
            learner_id=request.user.pk,
            slate_id=slate,
            item_slug=slug,
            signal=signal,
            uid=read_uuid(request.POST.get("id")),
        )
    except (NotFound, ValidationError):
        # The slate has been overwritten since the page was opened, or the form was made up.
        answer, kind = _("This list is no longer the newest. Here it is again."), "outdated"
    else:
        answer, kind = str(ANSWERS[Feedback.Signal(signal)]), "given"
    if request.htmx:
        context = {"answer": answer, "kind": kind, "after": slate, "tries": 0, "most": TRIES}
        context["feedback"] = feedback
        context["course"] = course
        context["on_item_page"] = request.POST.get("place") == "item"
        return render(request, "web/_feedback_given.html", context)
    messages.success(request, answer)
    return redirect(_list_of(course))


def _list_of(course: str) -> str:
    """The address of the list that she looked at: of one course, or of all."""
    return reverse("web:home", query={"course": course} if course else None)

"""`/`: what each person needs first. Learners: Next. Teachers: their groups. Operators: the state of things."""

from typing import Any, Final, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget
from rest_framework.exceptions import NotFound, ValidationError

from learners.models import User
from recommender.models import Feedback
from recommender.selectors.recommendations import find_newest_slate
from recommender.services.feedback import record_feedback
from web.next_page import read_next_page
from web.operations import read_numbers
from web.requests import PageRequest, PersonRequest
from web.views.groups import list_groups
from web.views.parameters import read_count, read_uuid

TRIES: Final = 12
"""How often the page asks for the newer list before it stops: about twenty seconds in all."""

NOTED_STATE: Final = "noted-state"
"""The id of the line in the confirmation that says whether the newer list is there."""

SIGNALS: Final = [
    (Feedback.Signal.HELPFUL, gettext_lazy("Helpful")),
    (Feedback.Signal.NOT_HELPFUL, gettext_lazy("Not helpful")),
    (Feedback.Signal.TOO_EASY, gettext_lazy("Too easy")),
    (Feedback.Signal.TOO_HARD, gettext_lazy("Too hard")),
    (Feedback.Signal.NOT_NOW, gettext_lazy("Not now")),
    (Feedback.Signal.KNOWN, gettext_lazy("I know this")),
]
ANSWERS: Final = {
    Feedback.Signal.HELPFUL: gettext_lazy("It is good to know that this helped."),
    Feedback.Signal.NOT_HELPFUL: gettext_lazy("We'll remember that this didn't help."),
    Feedback.Signal.TOO_EASY: gettext_lazy("Harder things will come."),
    Feedback.Signal.TOO_HARD: gettext_lazy("Easier things will come."),
    Feedback.Signal.NOT_NOW: gettext_lazy("It won't come up for a day."),
    Feedback.Signal.KNOWN: gettext_lazy("You won't see it here again."),
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
    shown = read_uuid(request.GET.get("after"))
    if request.htmx and "look" in request.GET and _is_newest(request.user, shown):
        return HttpResponse(status=204)
    page = read_next_page(learner=request.user, course_slug=request.GET.get("course", ""))
    context: dict[str, Any] = {"page": page, "signals": SIGNALS, "most": TRIES}
    if page is None:
        return render(request, "web/next_empty.html")
    if not request.htmx or "try" not in request.GET:
        context["noted"] = _find_noted(request)
        return render(request, "web/next.html", context)
    # The page waits for a newer list than the one it shows.
    tries = read_count(request.GET.get("try"), most=TRIES) + 1
    # The confirmation of what she said tells, where it stands, that the newer list is there.
    context["place"] = NOTED_STATE if request.htmx.target == NOTED_STATE else ""
    if page.slate != shown and not page.stale:
        response = render(request, "web/_next_list.html", {**context, "renewed": True})
        response["HX-Retarget"], response["HX-Reswap"] = "#next-list", "outerHTML"
        return response
    context |= {"after": shown or page.slate, "tries": tries}
    context["course"] = page.course.slug if page.course else ""
    return render(request, "web/_next_wait.html", context)


def _is_newest(learner: User, shown: UUID | None) -> bool:
    """Whether nothing has happened since the list that her page shows: then there is none to wait for."""
    newest = find_newest_slate(learner_id=learner.pk)
    return newest is not None and newest.slate.pk == shown and not newest.stale


@login_required
@require_POST
def give_feedback(request: PersonRequest, slate: UUID) -> HttpResponse:
    """One press: stored and confirmed apart from the list, which stays until the list that follows takes its place."""
    signal, slug = request.POST.get("signal", ""), request.POST.get("item", "")
    if signal not in Feedback.Signal.values:
        return HttpResponse(_("Unknown feedback."), status=400)
    course = request.POST.get("course", "")
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
        return _refuse(request, course)
    told = describe_feedback(feedback)
    if request.htmx:
        context = {**told, "given": signal, "signals": SIGNALS, "course": course}
        context |= {"after": slate, "most": TRIES}
        on_item_page = request.POST.get("place") == "item"
        template = "web/_feedback_given.html" if on_item_page else "web/_feedback_taken.html"
        return render(request, template, context)
    return redirect(list_of(course, noted=feedback.uid))


def _refuse(request: PersonRequest, course: str) -> HttpResponse:
    """Nothing was stored, so nothing is confirmed and no list follows: the newest takes the place of the old one."""
    answer = _("This was not noted: your list has changed since this page was opened.")
    page = read_next_page(learner=request.user, course_slug=course) if request.htmx else None
    if page is None:
        messages.info(request, answer)
        address = list_of(course)
        return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
    context = {"answer": answer, "refused": True, "course": course}
    if request.POST.get("place") == "item":
        return render(request, "web/_feedback_given.html", context)
    context |= {"page": page, "signals": SIGNALS, "renewed": True, "quiet": True}
    response = render(request, "web/_feedback_refused.html", context)
    return reswap(retarget(response, "#next-list"), "outerHTML")


def describe_feedback(feedback: Feedback) -> dict[str, Any]:
    """What the confirmation of it shows: `feedback`, its `label`, the `title` of the item and the `answer`."""
    signal = Feedback.Signal(feedback.signal)
    return {
        "feedback": feedback,
        "label": dict(SIGNALS)[signal],
        "title": feedback.item.title,
        "answer": ANSWERS[signal],
    }


def list_of(course: str, **more: Any) -> str:
    """The address of the list that she looked at: of one course, or of all."""
    query = {**({"course": course} if course else {}), **more}
    return reverse("web:home", query=query or None)


def _find_noted(request: PersonRequest) -> dict[str, Any] | None:
    """What she said just now, where a page without a script comes back from saying it."""
    uid = read_uuid(request.GET.get("noted"))
    if uid is None:
        return None
    said = Feedback.objects.filter(learner=request.user, uid=uid, withdrawn_at=None)
    feedback = said.select_related("item").first()
    return describe_feedback(feedback) if feedback else None

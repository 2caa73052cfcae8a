"""What counts for a learner, in her own hands: what her feedback moved, sliders, pause, undo and reset."""

from typing import Any, Final, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from rest_framework.exceptions import NotFound, ValidationError

from content.models import Item
from recommender.selectors.attention_map import find_map
from recommender.selectors.attention_view import (
    BEHAVIOURS,
    FeatureWeight,
    describe_attention,
    list_concepts,
    require_features,
)
from recommender.services.attention import reset_attention, update_attention
from recommender.services.feedback import withdraw_feedback
from web.attention_map import lay_out
from web.forms import WeightForm
from web.requests import PersonRequest
from web.views.home import TRIES, list_of
from web.views.parameters import read_count, read_uuid

SHOWN: Final = 8
"""So many features and statements are in sight; the others are folded."""

FAMILIES: Final = {
    "concept": gettext_lazy("Topic"),
    "kind": gettext_lazy("Format"),
    "behaviour": gettext_lazy("What you did"),
    "item": gettext_lazy("Item"),
}


@login_required
@require_GET
def show_attention(request: PersonRequest) -> HttpResponse:
    tries = read_count(request.GET.get("try"), most=TRIES)
    context = _read_page(request, tries=tries + 1)
    if not request.htmx or "try" not in request.GET:
        return render(request, "web/attention.html", context)
    # The page waits for a worker to have seen the last change.
    if context["attention"].stale:
        return render(request, "web/_attention_wait.html", context)
    response = render(request, "web/_attention.html", {**context, "renewed": True})
    response["HX-Retarget"], response["HX-Reswap"] = "#attention", "outerHTML"
    return response


@login_required
@require_POST
def set_weight(request: PersonRequest) -> HttpResponse:
    """A slider: the weight of one feature, until she gives it back."""
    form = WeightForm(request.POST)
    give_back = "release" in request.POST
    if not form.is_valid() or (form.cleaned_data["level"] is None and not give_back):
        return _refuse(request, _("Choose what to set, and how much it counts."))
    name = form.cleaned_data["feature"]
    try:
        stored = require_features(learner_id=request.user.pk, names={"feature": [name]})
        weight = None if give_back else 2.0 ** form.cleaned_data["level"]
        ends = None if weight is None else (weight, weight)
        update_attention(learner_id=request.user.pk, limits={stored[name]: ends})
    except ValidationError as error:
        return _refuse(
            request, " ".join(str(each) for one in cast(Any, error.detail).values() for each in one)
        )
    return _answer(request, _("Your feedback decides again.") if give_back else _("It is set."))


@login_required
@require_POST
def pause(request: PersonRequest) -> HttpResponse:
    paused = request.POST.get("paused") == "1"
    update_attention(learner_id=request.user.pk, paused=paused)
    return _answer(request, _("Paused.") if paused else _("In effect again."))


@login_required
@require_POST
def undo(request: PersonRequest) -> HttpResponse:
    """One thing that she said is taken back, from this page or from the card where she said it."""
    uid = read_uuid(request.POST.get("feedback"))
    try:
        if uid is None:
            raise NotFound
        withdraw_feedback(learner_id=request.user.pk, uid=uid)
    except NotFound:
        return _refuse(request, _("You have said no such thing."))
    told = _("Taken back, as if you had never said it.")
    place, course = request.POST.get("place"), request.POST.get("course", "")
    if request.htmx and place == "item":
        return render(request, "web/_feedback_given.html", {"answer": told})
    if request.htmx and place == "next":
        context = {
            **{"answer": told, "after": read_uuid(request.POST.get("after")), "course": course},
            **{"most": TRIES, "focus": True, "waits": True},
        }
        return render(request, "web/_noted.html", context)
    if place == "next":
        messages.success(request, told)
        return redirect(list_of(course))
    return _answer(request, told)


@login_required
@require_POST
def reset(request: PersonRequest) -> HttpResponse:
    reset_attention(learner_id=request.user.pk)
    return _answer(request, _("Reset. Your list is as if you had never said anything."))


def _answer(request: PersonRequest, told: str) -> HttpResponse:
    if request.htmx:
        return render(request, "web/_attention.html", {**_read_page(request), "told": told})
    messages.success(request, told)
    return redirect("web:attention")


def _refuse(request: PersonRequest, told: str) -> HttpResponse:
    context = {**_read_page(request), "problem": told}
    page = "web/_attention.html" if request.htmx else "web/attention.html"
    return render(request, page, context, status=400)


def _read_page(request: PersonRequest, *, tries: int = 1) -> dict[str, Any]:
    learner = request.user.pk
    attention = describe_attention(learner_id=learner, now=timezone.now())
    more, less = split_features(attention.features)
    return {
        "attention": attention,
        "families": FAMILIES,
        "parts": [
            part
            for part in (
                ("more", _("Counts more"), more[:SHOWN], more[SHOWN:]),
                ("less", _("Counts less"), less[:SHOWN], less[SHOWN:]),
            )
            if part[2]
        ],
        "said": attention.feedback[:SHOWN],
        "said_before": attention.feedback[SHOWN:],
        "did": attention.observations[:SHOWN],
        "did_before": attention.observations[SHOWN:],
        "choices": [
            (
                _("Topics"),
                [(f"concept:{one.slug}", one.title) for one in list_concepts(learner_id=learner)],
            ),
            (_("Formats"), [(f"kind:{kind}", kind.label) for kind in Item.Kind]),
            (_("What you did"), [(f"behaviour:{verb}", verb.label) for verb in BEHAVIOURS]),
        ],
        "tries": tries,
        "most": TRIES,
        "map": lay_out(find_map(learner_id=learner)),
    }


def split_features(
    features: list[FeatureWeight],
) -> tuple[list[FeatureWeight], list[FeatureWeight]]:
    """Those that count more than for everybody, or as much because she said so, and those that count less."""
    more = [each for each in features if each.weight >= 1]
    return more, [each for each in features if each.weight < 1]

"""A teacher's rules: given and withdrawn, on the group's page or on a learner's."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from rest_framework.exceptions import APIException

from learners.models import Assignment, Group, User
from learners.services import assignments as rules
from web.forms import RuleForm
from web.requests import PersonRequest
from web.views.groups import describe_group, find_group, find_member, list_rules
from web.views.learner_pages import describe_learner


@login_required
@require_POST
def give_rule(request: PersonRequest, pk: int) -> HttpResponse:
    """Assign, pin or ban: from the form, or with one press beside a struggling learner.

    From a learner's own page the answer is that page's: her rules, and a form that names her again.
    """
    group = find_group(request, pk)
    page_of = _find_page_of(request, group)
    form = RuleForm(request.POST, group=group)
    said, opposed, given = "", "", None
    if form.is_valid():
        data = form.cleaned_data
        try:
            assignment = rules.give_assignment(
                group=group,
                teacher=request.user,
                rule=data["rule"],
                items=[data["item"]] if data["item"] else [],
                concept=data["concept"],
                learners=list(data["learners"]),
                due=data["due"],
            )
        except APIException as error:
            form.add_error(None, _first_message(error))
        else:
            said = _("In force. Their lists follow within seconds.")
            if rules.is_opposed(assignment):
                opposed = _("Another rule says the opposite to the same people: see below.")
            given = data["concept"] or data["item"]
            form = _fresh_rule_form(group, page_of)
    if request.htmx and "brief" in request.POST:
        told = {"said": said, "opposed": opposed, "given": given, "errors": form.errors}
        return render(request, "web/_rule_given.html", told)
    context = {"group": group, "rule_form": form, "said": said, "opposed": opposed}
    if request.htmx:
        context |= {"rules": list_rules(group, page_of), "page_of": page_of}
        return render(request, "web/_group_rules.html", context)
    if said:
        messages.success(request, said)
        if opposed:
            messages.warning(request, opposed)
        return _go_back(group, page_of)
    if page_of is not None:
        context = {**describe_learner(group, page_of), **context}
        return render(request, "web/learner.html", context, status=422)
    return render(request, "web/group.html", {**describe_group(group), **context}, status=422)


@login_required
@require_POST
def withdraw_rule(request: PersonRequest, pk: int, rule: int) -> HttpResponse:
    group = find_group(request, pk)
    page_of = _find_page_of(request, group)
    rules.withdraw_assignment(assignment=get_object_or_404(Assignment, pk=rule, group=group))
    if not request.htmx:
        messages.success(request, _("Withdrawn."))
        return _go_back(group, page_of)
    context = {"group": group, "said": _("Withdrawn."), "page_of": page_of}
    context |= {
        "rules": list_rules(group, page_of),
        "rule_form": _fresh_rule_form(group, page_of),
    }
    return render(request, "web/_group_rules.html", context)


def _find_page_of(request: PersonRequest, group: Group) -> User | None:
    """The learner on whose page a rule was given or withdrawn; None on the group's."""
    return find_member(group, request.POST["page_of"]) if "page_of" in request.POST else None


def _fresh_rule_form(group: Group, page_of: User | None) -> RuleForm:
    return RuleForm(group=group, initial={"learners": [page_of.pk]} if page_of else None)


def _go_back(group: Group, page_of: User | None) -> HttpResponse:
    if page_of is not None:
        return redirect("web:learner", group.pk, page_of.pk)
    return redirect("web:group", group.pk)


def _first_message(error: APIException) -> str:
    detail: Any = error.detail
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)

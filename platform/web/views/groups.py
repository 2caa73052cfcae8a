"""A teacher's groups: who needs help, with what, what to assign; members, courses and the code to join by."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import replace_url
from rest_framework.exceptions import APIException

from content.models import Course
from learners.models import Assignment, Group, User
from learners.selectors import MemberPage, page_members
from learners.services import assignments as rules
from learners.services import groups as services
from web.assigned import find_assigned, mark_assigned
from web.forms import CourseForm, FindForm, GroupForm, MemberForm, RuleForm
from web.requests import PersonRequest

HELP_FIRST = 5
SEARCH = "learner-search"
"""The form's id: htmx names it when the form asks."""


@login_required
@require_http_methods(["GET", "POST"])
def list_groups(request: PersonRequest) -> HttpResponse:
    _require_teacher(request)
    form = GroupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        group = services.create_group(teacher=request.user, name=form.cleaned_data["name"])
        return redirect("web:group", group.pk)
    groups = Group.objects.led_by(request.user).prefetch_related("courses").order_by("name")
    sized = groups.annotate(size=Count("memberships", distinct=True))
    entries = [(group, group.size) for group in sized]
    context = {"groups": entries, "form": form}
    return render(request, "web/groups.html", context, status=422 if form.errors else 200)


@login_required
@require_GET
@vary_on_headers("HX-Request")  # going back shows the page, not a part of it
def show_group(request: PersonRequest, pk: int) -> HttpResponse:
    """The group; of its learners one page, which htmx asks for alone while the teacher searches."""
    group = find_group(request, pk)
    form = FindForm(request.GET)
    if request.htmx:
        context = _members(group, form)
        # Whoever pressed a link of the pager goes on reading at the top of the list; typing stays in the field.
        context["moved"] = request.htmx.trigger != SEARCH
        response = render(request, "web/_group_members.html", context)
        query = form.as_query()
        return replace_url(response, f"{request.path}?{query}" if query else request.path)
    return render(request, "web/group.html", _context(group, form))


@login_required
@require_POST
def change_code(request: PersonRequest, pk: int) -> HttpResponse:
    """A fresh code, or none at all."""
    group = find_group(request, pk)
    if request.POST.get("action") == "revoke":
        services.revoke_join_code(group=group)
        said = _("Nobody can join by code any more.")
    else:
        services.renew_join_code(group=group)
        said = _("A new code is in force; the old one has ended.")
    return _answer(request, group, "web/_group_code.html", said)


@login_required
@require_POST
def give_rule(request: PersonRequest, pk: int) -> HttpResponse:
    """Assign, pin or ban: from the form, or with one press beside a struggling learner.

    From a learner's own page the answer is that page's: her rules, and a form that names her again.
    """
    group = find_group(request, pk)
    page_of = _find_page_of(request, group)
    form = RuleForm(request.POST, group=group)
    said, given = "", None
    if form.is_valid():
        data = form.cleaned_data
        try:
            rules.give_assignment(
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
            given = data["concept"] or data["item"]
            form = _fresh_rule_form(group, page_of)
    if request.htmx and "brief" in request.POST:
        told = {"said": said, "given": given, "errors": form.errors}
        return render(request, "web/_rule_given.html", told)
    context = {"group": group, "rule_form": form, "said": said}
    if request.htmx:
        context |= {"rules": list_rules(group, page_of), "page_of": page_of}
        return render(request, "web/_group_rules.html", context)
    if said:
        messages.success(request, said)
        return _go_back(group, page_of)
    return render(request, "web/group.html", {**_context(group), **context}, status=422)


@login_required
@require_POST
def withdraw_rule(request: PersonRequest, pk: int, rule: int) -> HttpResponse:
    group = find_group(request, pk)
    rules.withdraw_assignment(assignment=get_object_or_404(Assignment, pk=rule, group=group))
    page_of = _find_page_of(request, group)
    if not request.htmx:
        messages.success(request, _("Withdrawn."))
        return _go_back(group, page_of)
    context = {"group": group, "said": _("Withdrawn."), "page_of": page_of}
    context |= {
        "rules": list_rules(group, page_of),
        "rule_form": _fresh_rule_form(group, page_of),
    }
    return render(request, "web/_group_rules.html", context)


@login_required
@require_POST
def change_members(request: PersonRequest, pk: int) -> HttpResponse:
    group = find_group(request, pk)
    if "remove" in request.POST:
        learner = _find_member(group, request.POST["remove"])
        services.remove_learner(group=group, learner=learner)
        messages.success(request, _("%(name)s is no longer in the group.") % {"name": learner})
        return redirect("web:group", group.pk)
    form = MemberForm(request.POST)
    if form.is_valid():
        person = form.cleaned_data["person"]
        services.add_learner(group=group, learner=person)
        messages.success(request, _("%(name)s is in the group.") % {"name": person})
        return redirect("web:group", group.pk)
    context = {**_context(group), "member_form": form}
    return render(request, "web/group.html", context, status=422)


@login_required
@require_POST
def change_courses(request: PersonRequest, pk: int) -> HttpResponse:
    group = find_group(request, pk)
    if "remove" in request.POST:
        course = get_object_or_404(Course, slug=request.POST["remove"], groups=group)
        services.remove_course(group=group, course=course)
        messages.success(request, _("“%(course)s” is withdrawn.") % {"course": course})
        return redirect("web:group", group.pk)
    form = CourseForm(request.POST, group=group)
    if form.is_valid():
        services.add_course(group=group, course=form.cleaned_data["course"])
        messages.success(request, _("Everybody in the group studies it from now on."))
        return redirect("web:group", group.pk)
    context = {**_context(group), "course_form": form}
    return render(request, "web/group.html", context, status=422)


def find_group(request: PersonRequest, pk: int) -> Group:
    """A group that this person leads; any other does not exist for her."""
    group: Group = get_object_or_404(Group.objects.led_by(request.user), pk=pk)
    return group


def _require_teacher(request: PersonRequest) -> None:
    if not (request.user.is_teacher or request.user.is_operator):
        raise PermissionDenied


def _find_member(group: Group, pk: str) -> User:
    known = pk if pk.isascii() and pk.isdigit() and len(pk) < 19 else 0
    return get_object_or_404(group.learners.all(), pk=known)


def _find_page_of(request: PersonRequest, group: Group) -> User | None:
    """The learner on whose page a rule was given or withdrawn; None on the group's."""
    return _find_member(group, request.POST["page_of"]) if "page_of" in request.POST else None


def _fresh_rule_form(group: Group, page_of: User | None) -> RuleForm:
    return RuleForm(group=group, initial={"learners": [page_of.pk]} if page_of else None)


def _go_back(group: Group, page_of: User | None) -> HttpResponse:
    if page_of is not None:
        return redirect("web:learner", group.pk, page_of.pk)
    return redirect("web:group", group.pk)


def _context(group: Group, form: FindForm | None = None) -> dict[str, Any]:
    form = form or FindForm({})
    context = _members(group, form)
    members = context["members"]
    return {
        **context,
        # Whoever looks for somebody sees the list first.
        "helped": None if form.as_query() else _list_helped(group, members),
        "rules": list_rules(group),
        "rule_form": RuleForm(group=group),
        "member_form": MemberForm(),
        "course_form": CourseForm(group=group),
    }


def _list_helped(group: Group, members: MemberPage) -> list[dict[str, Any]]:
    assigned = find_assigned(group)
    return [
        {
            **each,
            "struggling": mark_assigned(
                each["struggling"], learner_id=each["id"], assigned=assigned
            ),
        }
        for each in members.learners[:HELP_FIRST]
        if each["needs_help"]
    ]


def _members(group: Group, form: FindForm) -> dict[str, Any]:
    wanted = form.read()
    members = page_members(group, search=wanted["q"], sort=wanted["sort"], page=wanted["page"] or 1)
    return {
        "group": group,
        "members": members,
        "find_form": form,
        "query": form.as_query(page=None),
        "searched": wanted["q"],
        "search_id": SEARCH,
    }


def list_rules(group: Group, learner: User | None = None) -> Any:
    """The group's rules in force, or only those that reach one learner of it."""
    found = group.assignments.in_force()
    if learner is not None:
        found = found.reaching(learner.pk)
    return found.select_related("concept", "teacher").prefetch_related("items", "learners")


def _answer(
    request: PersonRequest, group: Group, template: str, said: str, **context: Any
) -> HttpResponse:
    if request.htmx:
        return render(request, template, {**context, "group": group, "said": said})
    messages.success(request, said)
    return redirect("web:group", group.pk)


def _first_message(error: APIException) -> str:
    detail: Any = error.detail
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)

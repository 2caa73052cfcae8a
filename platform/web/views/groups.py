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

from content.models import Course
from learners.models import Group, User
from learners.selectors import MemberPage, overview_mastery, page_members
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
    return render(request, "web/group.html", describe_group(group, form))


@login_required
@require_GET
def show_mastery(request: PersonRequest, pk: int) -> HttpResponse:
    """Who has not mastered which concept of the group's courses."""
    group = find_group(request, pk)
    context = {"group": group, "concepts": overview_mastery(group)}
    return render(request, "web/group_mastery.html", context)


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
def change_members(request: PersonRequest, pk: int) -> HttpResponse:
    group = find_group(request, pk)
    if "remove" in request.POST:
        learner = find_member(group, request.POST["remove"])
        services.remove_learner(group=group, learner=learner)
        messages.success(request, _("%(name)s is no longer in the group.") % {"name": learner})
        return redirect("web:group", group.pk)
    form = MemberForm(request.POST)
    if form.is_valid():
        person = form.cleaned_data["person"]
        services.add_learner(group=group, learner=person)
        messages.success(request, _("%(name)s is in the group.") % {"name": person})
        return redirect("web:group", group.pk)
    context = {**describe_group(group), "member_form": form}
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
    context = {**describe_group(group), "course_form": form}
    return render(request, "web/group.html", context, status=422)


def find_group(request: PersonRequest, pk: int) -> Group:
    """A group that this person leads; any other does not exist for her."""
    group: Group = get_object_or_404(Group.objects.led_by(request.user), pk=pk)
    return group


def _require_teacher(request: PersonRequest) -> None:
    if not (request.user.is_teacher or request.user.is_operator):
        raise PermissionDenied


def find_member(group: Group, pk: str) -> User:
    """A member of the group by the number that a form sent."""
    known = pk if pk.isascii() and pk.isdigit() and len(pk) < 19 else 0
    return get_object_or_404(group.learners.all(), pk=known)


def describe_group(group: Group, form: FindForm | None = None) -> dict[str, Any]:
    """What the group's page shows."""
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

"""The courses a person studies or may see, their trees with what is done, and joining a class."""

from collections.abc import Iterator

from common.access import visible
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from content.markdown import render as render_markdown
from content.models import Course, Item
from content.selectors import OutlineSection, get_outline
from learners.models import ItemProgress
from learners.selectors import summarise_progress
from learners.services.groups import UnknownJoinCode, join_group
from web.forms import JoinForm
from web.requests import PersonRequest
from web.throttling import may_try_to_join


@login_required
@require_GET
def list_courses(request: PersonRequest) -> HttpResponse:
    courses = visible(Course.objects.filter(published=True), request.user).order_by("title")
    summary = summarise_progress(
        learner_id=request.user.pk, course_ids=[course.pk for course in courses]
    )
    done = {each["id"]: each for each in summary["courses"]}
    mine = set(request.user.enrolments.values_list("course", flat=True))
    context = {
        "courses": [(course, done[course.pk], course.pk in mine) for course in courses],
        "form": JoinForm(),
    }
    return render(request, "web/courses.html", context)


@login_required
@require_GET
def show_course(request: PersonRequest, slug: str) -> HttpResponse:
    course = get_object_or_404(visible(Course.objects.all(), request.user), slug=slug)
    progress = {
        each.item_id: each
        for each in ItemProgress.objects.filter(learner=request.user, item__course=course)
    }
    outline = get_outline(course.pk)
    items = [item for section in outline.sections for item in _walk(section)]
    context = {
        "course": course,
        "description": render_markdown(course.description),
        "outline": outline,
        "progress": progress,
        "total": len(items),
        "done": sum(1 for item in items if item.pk in progress and progress[item.pk].completed_at),
        "enrolled": request.user.enrolments.filter(course=course).exists(),
    }
    return render(request, "web/course.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def join(request: PersonRequest) -> HttpResponse:
    form = JoinForm(request.POST or None)
    if request.method == "POST":
        if not may_try_to_join(request):
            form.add_error("code", _("Too many tries. Wait a minute, then try again."))
            return render(request, "web/join.html", {"form": form}, status=429)
        if form.is_valid():
            try:
                group = join_group(learner=request.user, code=form.cleaned_data["code"])
            except UnknownJoinCode as error:
                form.add_error("code", str(error.detail))
            else:
                messages.success(request, _("Welcome to “%(group)s”.") % {"group": group.name})
                return redirect("web:home")
        return render(request, "web/join.html", {"form": form}, status=422)
    return render(request, "web/join.html", {"form": form})


def _walk(section: OutlineSection) -> Iterator[Item]:
    yield from section.items
    for child in section.children:
        yield from _walk(child)

"""Groups, who studies what, and teachers' rules: what learners see changes through the services only."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from learners.admin.base import ReadOnly, ThroughService
from learners.models import Assignment, Enrolment, Group, Membership
from learners.services import groups as group_services
from learners.services.assignments import withdraw_assignment
from learners.services.enrolment import enrol_learners, withdraw_learners


class MembershipInline(TabularInline):
    model = Membership
    autocomplete_fields = ("learner",)
    readonly_fields = ("joined_at",)
    ordering = ("pk",)
    extra = 0
    per_page = 50

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # To put somebody in another's place is to take one out and add the other.
        return False


@admin.register(Group)
class GroupAdmin(ThroughService):
    """Groups. Changing members or courses enrols and withdraws learners, as it does for their teachers."""

    list_display = ("name", "learners_count", "join_code", "synthetic", "created_at")
    list_filter = ("synthetic",)
    search_fields = ("name", "join_code")
    autocomplete_fields = ("teachers", "courses")
    readonly_fields = ("join_code", "synthetic", "created_at")
    fields = ("name", "teachers", "courses", *readonly_fields)
    inlines = (MembershipInline,)
    actions = ("renew_codes", "revoke_codes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        groups: QuerySet[Group] = super().get_queryset(request)
        return groups.annotate(size=Count("memberships"))

    @admin.display(description=_("learners"), ordering="size")
    def learners_count(self, group: Any) -> int:
        return int(group.size)

    @admin.action(description=_("Give new join codes"), permissions=["change"])
    def renew_codes(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            group_services.renew_join_code(group=group)

    @admin.action(description=_("Revoke join codes"), permissions=["change"])
    def revoke_codes(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            group_services.revoke_join_code(group=group)

    @transaction.atomic
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        group: Group = form.instance
        courses = {course.pk: course for course in form.cleaned_data.pop("courses", ())}
        studied = {course.pk: course for course in group.courses.all()}
        form.save_m2m()
        for pk in courses.keys() - studied.keys():
            group_services.add_course(group=group, course=courses[pk])
        for pk in studied.keys() - courses.keys():
            group_services.remove_course(group=group, course=studied[pk])
        for formset in formsets:
            for member in formset.save(commit=False):
                group_services.add_learner(group=group, learner=member.learner)
            for member in formset.deleted_objects:
                group_services.remove_learner(group=group, learner=member.learner)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        group_services.delete_group(group=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            group_services.delete_group(group=group)


@admin.register(Enrolment)
class EnrolmentAdmin(ThroughService):
    """Who studies what. One added here is the learner's own; those of a group follow the group."""

    list_display = ("learner", "course", "group", "created_at")
    list_filter = ("course",)
    list_select_related = ("learner", "course", "group")
    search_fields = ("learner__username", "course__title")
    autocomplete_fields = ("learner", "course")
    fields = ("learner", "course")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        of_group = obj is not None and obj.group_id is not None
        return super().has_delete_permission(request, obj) and not of_group

    def save_model(self, request: HttpRequest, obj: Enrolment, form: Any, change: bool) -> None:
        enrol_learners(learner_ids=[obj.learner_id], courses=[obj.course])
        stored = Enrolment.objects.get(learner=obj.learner_id, course=obj.course_id, group=None)
        obj.pk = stored.pk

    def delete_model(self, request: HttpRequest, obj: Enrolment) -> None:
        withdraw_learners(learner_ids=[obj.learner_id], courses=[obj.course])

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


@admin.register(Assignment)
class AssignmentAdmin(ReadOnly):
    """Teachers' rules, also those withdrawn."""

    list_display = ("group", "rule", "teacher", "concept", "due", "created_at", "withdrawn_at")
    list_filter = ("rule", ("withdrawn_at", admin.EmptyFieldListFilter))
    list_select_related = ("group", "teacher", "concept")
    search_fields = ("group__name", "teacher__username")
    actions = ("withdraw",)

    @admin.action(description=_("Withdraw"), permissions=["view"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Assignment]) -> None:
        for assignment in queryset:
            withdraw_assignment(assignment=assignment)

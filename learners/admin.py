"""People, groups and what they did, for operators. What learners see changes through the services only."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from learners.models import (
    Assignment,
    Enrolment,
    Event,
    Group,
    ItemProgress,
    LearnerState,
    Membership,
    User,
)
from learners.services import groups as group_services
from learners.services.accounts import end_tokens, erase_person
from learners.services.assignments import withdraw_assignment
from learners.services.enrolment import enrol_learners, withdraw_learners
from learners.services.freshness import mark_dirty

# Whoever works in the admin is let in by role; what she may do there, rules.py says.
_STAFF = frozenset({User.Role.AUTHOR, User.Role.OPERATOR})


class ReadOnly(ModelAdmin):
    """Facts and derived state: looked at, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ThroughService(ModelAdmin):
    """Deleted by a service, which knows what goes along.

    The usual page of confirmation would load every event of a person, and ask for the right to delete each one.
    """

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        names = [str(one) for one in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []


class PasswordForm(AdminPasswordChangeForm):
    """An operator gives somebody another password, or none."""

    @transaction.atomic
    def save(self, commit: bool = True) -> User:
        person: User = super().save(commit)
        end_tokens(person=person)
        return person


@admin.register(User)
class PersonAdmin(UserAdmin, ThroughService):
    """People. The role decides who may enter the admin; deleting a person erases all that is stored of her."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = PasswordForm
    list_display = ("username", "email", "role", "is_active", "synthetic", "last_login")
    list_filter = ("role", "is_active", "synthetic")
    list_filter_submit = True
    search_fields = ("username", "email", "first_name", "last_name")
    readonly_fields = ("pseudonym", "synthetic", "last_login", "date_joined", "is_superuser")
    fieldsets = (
        (None, {"fields": ("username", "password", "role", "is_active")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email", "language")}),
        (
            _("Account"),
            {
                "fields": (
                    "pseudonym",
                    "synthetic",
                    "is_superuser",
                    "last_login",
                    "date_joined",
                )
            },
        ),
    )
    add_fieldsets = (
        (
            None,
            {"fields": ("username", "email", "role", "usable_password", "password1", "password2")},
        ),
    )
    filter_horizontal = ()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = obj.is_superuser or obj.role in _STAFF
        super().save_model(request, obj, form, change)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Nobody can take her own way back in away by a slip.
        own = ("role", "is_active") if obj is not None and obj.pk == request.user.pk else ()
        return (*self.readonly_fields, *own)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # An operator who could set a superuser's password would be one.
        guarded = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not guarded

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        guarded = obj is not None and obj.is_superuser and not request.user.is_superuser
        own = obj is not None and obj.pk == request.user.pk
        return super().has_delete_permission(request, obj) and not (guarded or own)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        erase_person(person=obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # One at a time: erasing cannot be undone, and the own account must not be among many.
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


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


@admin.register(Event)
class EventAdmin(ReadOnly):
    """The append-only record of what learners did."""

    list_display = ("id", "actor", "verb", "item", "success", "graded", "occurred_at")
    list_filter = ("verb", "graded")
    list_select_related = ("actor", "item")
    search_fields = ("actor__username__exact", "item__slug__exact")
    ordering = ("-id",)
    show_full_result_count = False  # counting millions of rows would take longer than the page


@admin.register(ItemProgress)
class ItemProgressAdmin(ReadOnly):
    """What a learner's events on one item add up to."""

    list_display = ("learner", "item", "attempts", "right", "wrong_streak", "completed_at")
    list_select_related = ("learner", "item")
    search_fields = ("learner__username__exact", "item__slug__exact")
    show_full_result_count = False


class StaleFilter(admin.SimpleListFilter):
    title = _("stale")
    parameter_name = "stale"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Yes")), ("0", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        stale = Q(dirty_seq__gt=F("clean_seq"))
        if self.value() == "1":
            return queryset.filter(stale)
        return queryset.exclude(stale) if self.value() == "0" else queryset


@admin.register(LearnerState)
class LearnerStateAdmin(ReadOnly):
    """Whose recommendations are out of date, and which worker is at it."""

    list_display = ("learner", "dirty_seq", "clean_seq", "dirty_at", "active_at", "claimed_by")
    list_filter = (StaleFilter,)
    list_select_related = ("learner",)
    search_fields = ("learner__username",)
    ordering = ("-dirty_at",)
    actions = ("refresh",)

    @admin.action(description=_("Refresh recommendations"), permissions=["view"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[LearnerState]) -> None:
        ids = list(queryset.values_list("learner", flat=True))
        mark_dirty(learner_ids=ids)
        self.message_user(
            request,
            ngettext(
                "%(count)s learner will be refreshed.",
                "%(count)s learners will be refreshed.",
                len(ids),
            )
            % {"count": len(ids)},
        )

"""The catalogue for operators: the same checks as the API's, through the same services."""

import json
from typing import Any

from common.audience import changing_courses
from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from import_export import resources
from import_export.admin import ExportMixin
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.contrib.import_export.forms import ExportForm
from unfold.widgets import UnfoldAdminTextareaWidget

from content import services
from content.keys import InvalidKey, validate_key
from content.models import Concept, Course, Item, Prerequisite, Question, Section, TextVector
from content.selectors import find_courses_teaching, prerequisite_map
from content.services.concepts import PrerequisiteCycle, lock_prerequisites, refuse_cycle
from content.services.questions import InvalidQuestions, clean_questions
from content.validation import dotted


class Kept:
    """Rows that people's work hangs on are unpublished, never deleted, not even by a superuser."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PrettyJson(forms.JSONField):
    """JSON as people read it: on several lines, letters of all scripts as they are."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str | forms.fields.InvalidJSONInput):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)


def _changed(formsets: Any) -> bool:
    return any(formset.has_changed() for formset in formsets)


class SectionInline(TabularInline):
    model = Section
    fields = ["slug", "title", "position", "parent"]
    extra = 0
    verbose_name_plural = _("sections, in the order of their positions")

    def formfield_for_foreignkey(self, field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # A parent of another course would be refused on saving.
        match = request.resolver_match
        if field.name == "parent" and match:
            course = match.kwargs.get("object_id") or 0
            kwargs["queryset"] = Section.objects.filter(course_id=course)
        return super().formfield_for_foreignkey(field, request, **kwargs)


@admin.register(Course)
class CourseAdmin(Kept, ModelAdmin):
    list_display = ["title", "language", "subject", "items_link", "published", "synthetic"]
    list_filter = ["published", "language", "subject", "synthetic"]
    search_fields = ["title", "slug", "summary"]
    autocomplete_fields = ["translation_of"]
    readonly_fields = ["items_link", "synthetic", "created_at", "updated_at"]
    inlines = [SectionInline]
    actions = ["publish", "unpublish"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Course]:
        return super().get_queryset(request).annotate(item_count=Count("items"))

    @admin.display(description=_("items"), ordering="item_count")
    def items_link(self, course: Any) -> str:
        address = reverse("admin:content_item_changelist")
        # A course may have thousands of items: a list with pages, not an inline.
        return format_html(
            '<a href="{}?course__id__exact={}">{}</a>', address, course.pk, course.item_count
        )

    @admin.action(description=_("Publish"), permissions=["change"])
    def publish(self, request: HttpRequest, courses: QuerySet[Course]) -> None:
        self._report(request, services.set_courses_published(courses, published=True))

    @admin.action(description=_("Unpublish"), permissions=["change"])
    def unpublish(self, request: HttpRequest, courses: QuerySet[Course]) -> None:
        self._report(request, services.set_courses_published(courses, published=False))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with changing_courses() as changed:
            super().save_related(request, form, formsets, change)
            if "published" in form.changed_data or (form.instance.published and _changed(formsets)):
                changed.add(form.instance.pk)

    def _report(self, request: HttpRequest, count: int) -> None:
        text = ngettext("%s course changed.", "%s courses changed.", count) % count
        self.message_user(request, text, messages.SUCCESS)


class PrerequisiteFormSet(BaseInlineFormSet):
    """Refuses a circle before anything is written."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors) or self.instance.pk is None:
            return
        wanted = {
            form.cleaned_data["prerequisite"].pk
            for form in self.forms
            if form.cleaned_data.get("prerequisite") and not form.cleaned_data.get("DELETE")
        }
        # Held until the admin's transaction, in which this runs, has written the links.
        lock_prerequisites()
        try:
            refuse_cycle({**prerequisite_map(), self.instance.pk: wanted})
        except PrerequisiteCycle as error:
            raise forms.ValidationError(str(error)) from error


class PrerequisiteInline(TabularInline):
    model = Prerequisite
    formset = PrerequisiteFormSet
    fk_name = "concept"
    autocomplete_fields = ["prerequisite"]
    extra = 0
    verbose_name_plural = _("prerequisites: what must be known before")


@admin.register(Concept)
class ConceptAdmin(Kept, ModelAdmin):
    list_display = ["title", "slug", "item_count", "prerequisite_names"]
    search_fields = ["title", "slug"]
    inlines = [PrerequisiteInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Concept]:
        concepts = super().get_queryset(request).prefetch_related("prerequisites")
        return concepts.annotate(items_teaching=Count("items"))

    @admin.display(description=_("items"), ordering="items_teaching")
    def item_count(self, concept: Any) -> int:
        return int(concept.items_teaching)

    @admin.display(description=_("prerequisites"))
    def prerequisite_names(self, concept: Concept) -> str:
        return ", ".join(each.title for each in concept.prerequisites.all())

    def save_model(self, request: HttpRequest, concept: Concept, form: Any, change: bool) -> None:
        super().save_model(request, concept, form, change)
        if "title" in form.changed_data:
            services.compute_text_hashes(concept.items.values_list("pk", flat=True))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with changing_courses() as changed:
            super().save_related(request, form, formsets, change)
            if _changed(formsets):
                changed.update(find_courses_teaching([form.instance.pk]))


class QuestionForm(forms.ModelForm):
    key = PrettyJson(label=_("key"), help_text=Question._meta.get_field("key").help_text)
    hints = PrettyJson(
        label=_("hints"), required=False, initial=list, help_text=_('A list: ["…", "…"].')
    )

    class Meta:
        model = Question
        fields = ["position", "prompt", "answer_type", "key", "hints", "explanation"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["hints"] = data.get("hints") or []
        if "key" in data and "answer_type" in data:
            try:
                data["key"] = validate_key(data["answer_type"], data["key"])
            except InvalidKey as error:
                for path, message in error.errors:
                    self.add_error("key", f"{dotted(path)} {message}".strip())
        return data


class QuestionFormSet(BaseInlineFormSet):
    """An exercise has one question, a quiz one or more, other kinds none."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]
        names = ("prompt", "answer_type", "key", "hints", "explanation")
        try:
            clean_questions(
                self.instance.kind, [{name: data[name] for name in names} for data in kept]
            )
        except InvalidQuestions as error:
            raise forms.ValidationError(
                [f"{dotted(path)} {message}".strip() for path, message in error.errors]
            ) from error


class QuestionInline(StackedInline):
    model = Question
    form = QuestionForm
    formset = QuestionFormSet
    extra = 0


class VectorFilter(admin.SimpleListFilter):
    """Which items the recommender cannot read yet."""

    title = _("text vector")
    parameter_name = "vector"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("computed")), ("no", _("waiting"))]

    def queryset(self, request: HttpRequest, items: Any) -> Any:
        return items.filter(has_vector=self.value() == "yes") if self.value() else items


class ItemResource(resources.ModelResource):
    """A table of the catalogue for planning, without bodies and keys."""

    class Meta:
        model = Item
        fields = [
            *("slug", "title", "kind", "course__slug", "section__slug", "position", "minutes"),
            *("difficulty", "published"),
        ]


@admin.register(Item)
class ItemAdmin(Kept, ExportMixin, ModelAdmin):
    list_display = ["title", "kind", "course", "position", "difficulty", "published", "vector"]
    list_filter = ["published", "kind", VectorFilter, "course"]
    list_select_related = ["course"]
    search_fields = ["title", "slug"]
    autocomplete_fields = ["course", "concepts"]
    readonly_fields = ["vector", "text_hash", "created_at", "updated_at"]
    inlines = [QuestionInline]
    actions = ["publish", "unpublish"]
    resource_classes = [ItemResource]
    export_form_class = ExportForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        vectors = TextVector.objects.filter(text_hash=OuterRef("text_hash"))
        return super().get_queryset(request).annotate(has_vector=Exists(vectors))

    @admin.display(description=_("text vector"), boolean=True, ordering="has_vector")
    def vector(self, item: Any) -> bool:
        return bool(getattr(item, "has_vector", False))

    def formfield_for_foreignkey(self, field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        match = request.resolver_match
        if field.name == "section" and match:
            item = Item.objects.filter(pk=match.kwargs.get("object_id") or 0).values("course")
            kwargs["queryset"] = Section.objects.filter(course__in=item)
        return super().formfield_for_foreignkey(field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        item: Item = form.instance
        with changing_courses() as changed:
            super().save_related(request, form, formsets, change)
            # Only now are concepts and questions, which are part of the text, what was asked for.
            services.compute_text_hashes([item.pk])
            if services.LISTED_FIELDS.intersection(form.changed_data):
                changed.update(services.list_showing(item))
                if form.initial.get("published"):
                    was_in = Course.objects.filter(pk=form.initial["course"], published=True)
                    changed.update(was_in.values_list("pk", flat=True))

    @admin.action(description=_("Publish"), permissions=["change"])
    def publish(self, request: HttpRequest, items: QuerySet[Item]) -> None:
        self._report(request, services.set_published(items, published=True))

    @admin.action(description=_("Unpublish"), permissions=["change"])
    def unpublish(self, request: HttpRequest, items: QuerySet[Item]) -> None:
        self._report(request, services.set_published(items, published=False))

    def _report(self, request: HttpRequest, count: int) -> None:
        text = ngettext("%s item changed.", "%s items changed.", count) % count
        self.message_user(request, text, messages.SUCCESS)

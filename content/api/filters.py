"""Filters of lists. A slug that nobody has gives an empty list: a filter is no place to find out what exists."""

from typing import Any

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _
from django_filters.fields import ChoiceField

from content.models import Concept, Course, Item


class TrueOrFalse(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        if value is None:
            return None
        if str(value).lower() not in {"true", "false"}:
            raise forms.ValidationError(_("Must be true or false."))
        return str(value).lower() == "true"


class BooleanFilter(django_filters.BooleanFilter):
    """The library's own takes anything for "no filter", and so a typing error for an answer."""

    field_class = TrueOrFalse


class OneOf(ChoiceField):
    def clean(self, value: Any) -> Any:
        if value == "":
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return super().clean(value)


class ChoiceFilter(django_filters.ChoiceFilter):
    """The library's own takes an empty value for "no filter", which the description of the API doesn't allow."""

    field_class = OneOf


class CourseFilter(django_filters.FilterSet):
    language = django_filters.CharFilter()
    subject = django_filters.CharFilter()
    published = BooleanFilter()

    class Meta:
        model = Course
        fields = ["language", "subject", "published"]


class ItemFilter(django_filters.FilterSet):
    course = django_filters.CharFilter(field_name="course__slug", label="Slug of the course.")
    section = django_filters.CharFilter(field_name="section__slug", label="Slug of the section.")
    concept = django_filters.CharFilter(field_name="concepts__slug", label="Slug of a concept.")
    kind = ChoiceFilter(choices=Item.Kind.choices)
    published = BooleanFilter()

    class Meta:
        model = Item
        fields = ["course", "section", "concept", "kind", "published"]


class ConceptFilter(django_filters.FilterSet):
    course = django_filters.CharFilter(
        field_name="items__course__slug", distinct=True, label="Slug of a course that teaches it."
    )

    class Meta:
        model = Concept
        fields = ["course"]

"""Filters of lists. A slug that nobody has gives an empty list: a filter is no place to find out what exists."""

import django_filters

from content.models import Concept, Course, Item


class CourseFilter(django_filters.FilterSet):
    language = django_filters.CharFilter()
    subject = django_filters.CharFilter()
    published = django_filters.BooleanFilter()

    class Meta:
        model = Course
        fields = ["language", "subject", "published"]


class ItemFilter(django_filters.FilterSet):
    course = django_filters.CharFilter(field_name="course__slug", label="Slug of the course.")
    section = django_filters.CharFilter(field_name="section__slug", label="Slug of the section.")
    concept = django_filters.CharFilter(field_name="concepts__slug", label="Slug of a concept.")
    kind = django_filters.ChoiceFilter(choices=Item.Kind.choices)
    published = django_filters.BooleanFilter()

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

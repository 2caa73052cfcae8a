"""Courses, items and concepts: read by those enrolled, written by authors and operators."""

from typing import Any

from common.access import visible
from common.api.pagination import CursorPages
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from content.api.filters import ConceptFilter, CourseFilter, ItemFilter
from content.api.permissions import ReadsOrEdits
from content.markdown import render
from content.models import Concept, Course, Item
from content.serializers.input import ConceptInput, CourseInput, ItemInput
from content.serializers.output import (
    ConceptSerializer,
    CourseSerializer,
    CourseSummarySerializer,
    HintSerializer,
    ItemSerializer,
    ItemSummarySerializer,
)

_SLUG = OpenApiParameter(
    "slug", OpenApiTypes.STR, OpenApiParameter.PATH, pattern="^[-a-zA-Z0-9_]+$"
)


class SyllabusPages(CursorPages):
    """The items of one course come in the order of its syllabus, all others in that of their ids."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        return ("position", "pk") if request.query_params.get("course") else ("pk",)


class _CatalogueViews(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    viewsets.GenericViewSet[Any],
):
    """There is no DELETE: what people did hangs on it. `"published": false` takes it from their sight."""

    permission_classes = [ReadsOrEdits]
    lookup_field = "slug"
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    summary_class: type[BaseSerializer[Any]]
    detail_class: type[BaseSerializer[Any]]
    input_class: type[BaseSerializer[Any]]

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return self.summary_class if self.action == "list" else self.detail_class

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._write(request, None, partial=False)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._write(request, self.get_object(), partial=kwargs.get("partial", False))

    def _write(self, request: Request, row: Any, *, partial: bool) -> Response:
        serializer = self.input_class(
            row, data=request.data, partial=partial, context=self.get_serializer_context()
        )
        serializer.is_valid(raise_exception=True)
        written = serializer.save()
        # Read again, since what was prefetched is no longer true.
        shown = self.detail_class(
            self.get_queryset().get(pk=written.pk), context=self.get_serializer_context()
        )
        return Response(shown.data, status=200 if row else 201)


def _documented(
    detail: type[BaseSerializer[Any]],
    summary: type[BaseSerializer[Any]],
    written: type[BaseSerializer[Any]],
) -> Any:
    return extend_schema_view(
        list=extend_schema(responses=summary(many=True)),
        retrieve=extend_schema(parameters=[_SLUG], responses=detail),
        create=extend_schema(request=written, responses={201: detail}),
        update=extend_schema(parameters=[_SLUG], request=written, responses=detail),
        partial_update=extend_schema(parameters=[_SLUG], request=written, responses=detail),
    )


@_documented(CourseSerializer, CourseSummarySerializer, CourseInput)
class CourseViews(_CatalogueViews):
    """Courses. Learners see those they are enrolled in; authors and operators see and write all."""

    filterset_class = CourseFilter
    summary_class, detail_class = CourseSummarySerializer, CourseSerializer
    input_class = CourseInput

    def get_queryset(self) -> QuerySet[Course]:
        courses = Course.objects.select_related("translation_of")
        if self.action != "list":
            courses = courses.prefetch_related("sections__parent")
        return visible(courses, self.request.user)


@_documented(ConceptSerializer, ConceptSerializer, ConceptInput)
class ConceptViews(_CatalogueViews):
    """Concepts. Learners see those of their courses; authors and operators see and write all."""

    filterset_class = ConceptFilter
    summary_class = detail_class = ConceptSerializer
    input_class = ConceptInput

    def get_queryset(self) -> QuerySet[Concept]:
        return visible(Concept.objects.prefetch_related("prerequisites"), self.request.user)


@_documented(ItemSerializer, ItemSummarySerializer, ItemInput)
class ItemViews(_CatalogueViews):
    """Items. Learners see those of their courses without any key; authors and operators see and write all."""

    filterset_class = ItemFilter
    pagination_class = SyllabusPages
    summary_class, detail_class = ItemSummarySerializer, ItemSerializer
    input_class = ItemInput

    def get_queryset(self) -> QuerySet[Item]:
        items = Item.objects.select_related("course", "section").prefetch_related("concepts")
        if self.action != "list":
            items = items.prefetch_related("questions")
        return visible(items, self.request.user)

    @extend_schema(
        parameters=[
            _SLUG,
            OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH),
            OpenApiParameter(
                "question",
                OpenApiTypes.INT,
                description=gettext_lazy("Of a quiz: which question, from 0."),
            ),
        ],
        responses=HintSerializer,
    )
    @action(
        detail=True,
        url_path=r"hints/(?P<number>[0-9]{1,4})",
        url_name="hint",
        filterset_class=None,
        pagination_class=None,
    )
    def hint(self, request: Request, slug: str, number: str) -> Response:
        """One hint of an item's question, from 1."""
        try:
            index = int(request.query_params.get("question", "0"))
        except ValueError as error:
            raise ValidationError({"question": [_("Must be a whole number.")]}) from error
        questions = {question.position: question for question in self.get_object().questions.all()}
        hints = questions[index].hints if index in questions else []
        if not 1 <= int(number) <= len(hints):
            raise NotFound
        text = hints[int(number) - 1]
        shown = {"hint": int(number), "of": len(hints), "text": text, "html": render(text)}
        return Response(HintSerializer(shown).data)

"""The catalogue's vocabulary for queries."""

from collections.abc import Iterable
from typing import Any, Self

from django.db import models


class CourseQuerySet(models.QuerySet[Any]):
    def published(self) -> Self:
        return self.filter(published=True)


class ItemQuerySet(models.QuerySet[Any]):
    def published(self) -> Self:
        """Items that can be studied: published themselves and in a published course."""
        return self.filter(published=True, course__published=True)

    def gradable(self) -> Self:
        return self.filter(kind__in=self.model.GRADABLE)

    def of_courses(self, course_ids: Iterable[int]) -> Self:
        return self.filter(course_id__in=list(course_ids))

    def in_tree_order(self) -> Self:
        """The syllabus of each course, one course after the other."""
        return self.order_by("course_id", "position", "pk")

    def with_text(self) -> Self:
        """With everything that `selectors.item_text` reads: two queries more, however many items."""
        return self.prefetch_related("concepts", "questions")

"""The vocabulary of the models: named narrowings, nothing that writes."""

from typing import Any

from django.db import models
from django.db.models import Q


class GroupQuerySet(models.QuerySet[Any]):
    def led_by(self, person: Any) -> "GroupQuerySet":
        """Groups that `person` may manage: her own as a teacher, all of them as an operator."""
        if not person.is_authenticated:
            return self.none()
        if person.is_operator:
            return self
        return self.filter(teachers=person) if person.is_teacher else self.none()


class EnrolmentQuerySet(models.QuerySet[Any]):
    def in_published(self) -> "EnrolmentQuerySet":
        return self.filter(course__published=True)


class AssignmentQuerySet(models.QuerySet[Any]):
    def in_force(self) -> "AssignmentQuerySet":
        return self.filter(withdrawn_at=None)

    def reaching(self, learner_id: int) -> "AssignmentQuerySet":
        """Those that reach this learner as a member of their group."""
        named = self.model.learners.through.objects.filter(assignment=models.OuterRef("pk"))
        return self.filter(group__memberships__learner=learner_id).filter(
            Q(models.Exists(named.filter(user=learner_id))) | ~Q(models.Exists(named))
        )

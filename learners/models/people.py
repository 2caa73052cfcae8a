"""People and their groups."""

import re
import uuid
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from content.models import Course
from learners.querysets import EnrolmentQuerySet, GroupQuerySet

HAN: Final = (
    r"\u00b7\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Chinese characters, and the dot in the middle of some names: what stands in the brackets of a regular expression, of
Python's and of PostgreSQL's."""
_HAN_NAME: Final = re.compile(f"[{HAN}]+")


def join_names(first: str, last: str) -> str:
    """Return the full name as it is written: a Chinese one without a space, family name first."""
    whole = f"{last}{first}"
    return whole if _HAN_NAME.fullmatch(whole) else f"{first} {last}".strip()


class User(AbstractUser):
    """A person. Everyone may learn; the role says what else she may do."""

    class Role(models.TextChoices):
        LEARNER = "learner", _("learner")
        TEACHER = "teacher", _("teacher")
        AUTHOR = "author", _("author")
        OPERATOR = "operator", _("operator")

    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.LEARNER)
    pseudonym = models.UUIDField(
        _("pseudonym"),
        default=uuid.uuid4,
        unique=True,
        editable=False,
        help_text=_("Names this person in logs and aggregates."),
    )
    language = models.CharField(_("language"), max_length=12, blank=True)
    synthetic = models.BooleanField(
        _("synthetic"),
        default=False,
        help_text=_("Made by a generator or imported from a data set."),
    )

    class Meta(AbstractUser.Meta):
        verbose_name = _("person")  # type: ignore[assignment]
        verbose_name_plural = _("people")  # type: ignore[assignment]

    def get_full_name(self) -> str:
        return join_names(self.first_name, self.last_name)

    @property
    def is_teacher(self) -> bool:
        return self.role == self.Role.TEACHER

    @property
    def is_author(self) -> bool:
        return self.role == self.Role.AUTHOR

    @property
    def is_operator(self) -> bool:
        return self.role == self.Role.OPERATOR or self.is_superuser


class Group(models.Model):
    """A class: its teachers, its learners and the courses they study."""

    name = models.CharField(_("name"), max_length=200)
    teachers = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("teachers"),
        related_name="taught_groups",
        blank=True,
    )
    learners = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learners"),
        through="Membership",
        related_name="learning_groups",
        blank=True,
    )
    courses = models.ManyToManyField(
        Course, verbose_name=_("courses"), related_name="groups", blank=True
    )
    join_code = models.CharField(
        _("join code"),
        max_length=16,
        unique=True,
        null=True,
        blank=True,
        help_text=_("Empty: nobody can join by code."),
    )
    synthetic = models.BooleanField(_("synthetic"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = GroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    group = models.ForeignKey(
        Group, verbose_name=_("group"), on_delete=models.CASCADE, related_name="memberships"
    )
    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="memberships",
    )
    joined_at = models.DateTimeField(_("joined"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["group", "learner"], name="learners_membership_unique")
        ]

    def __str__(self) -> str:
        return f"{self.learner} @ {self.group}"


class Enrolment(models.Model):
    """A learner studies a course: by herself (no group) or through a group that she is in."""

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="enrolments",
    )
    course = models.ForeignKey(
        Course, verbose_name=_("course"), on_delete=models.CASCADE, related_name="enrolments"
    )
    group = models.ForeignKey(
        Group,
        verbose_name=_("group"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="enrolments",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.UniqueConstraint(
                fields=["learner", "course", "group"],
                nulls_distinct=False,
                name="learners_enrolment_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.learner}: {self.course}"

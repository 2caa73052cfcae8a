"""Groups, their members, their rules and what their teachers see."""

from typing import Any

from common.api.fields import Email, Slug, Text
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from content.models import Concept, Item
from learners.models import Assignment, Group, Membership, User
from learners.selectors import find_person
from learners.serializers.people import (
    ActivitySerializer,
    EstimateSerializer,
    ProgressSerializer,
    StruggleSerializer,
)


class GroupSerializer(serializers.ModelSerializer[Group]):
    name = Text(max_length=200)
    courses: Any = serializers.SlugRelatedField("slug", many=True, read_only=True)
    teachers: Any = serializers.SlugRelatedField("username", many=True, read_only=True)
    learners_count = serializers.IntegerField(source="memberships.count", read_only=True)

    class Meta:
        model = Group
        fields = (
            "id", "name", "courses", "teachers", "learners_count", "join_code", "synthetic",
            "created_at",
        )  # fmt: skip
        read_only_fields = ("join_code", "synthetic", "created_at")


class JoinCodeSerializer(serializers.Serializer[Any]):
    join_code = serializers.CharField()


class JoinSerializer(serializers.Serializer[Any]):
    code = Text(max_length=40, help_text=gettext_lazy("Case, spaces and dashes do not count."))


class JoinedSerializer(serializers.ModelSerializer[Group]):
    courses: Any = serializers.SlugRelatedField("slug", many=True, read_only=True)

    class Meta:
        model = Group
        fields = ("id", "name", "courses")
        read_only_fields = fields


class CourseOfGroupSerializer(serializers.Serializer[Any]):
    course = Slug(help_text=gettext_lazy("Slug of a published course."))


class MemberSerializer(serializers.ModelSerializer[Membership]):
    id = serializers.IntegerField(source="learner_id")
    username = serializers.CharField(source="learner.username")
    name = serializers.CharField(source="learner.get_full_name")

    class Meta:
        model = Membership
        fields = ("id", "username", "name", "joined_at")
        read_only_fields = fields


class NewMemberSerializer(serializers.Serializer[Any]):
    """Names the person to add by one of user name and email address."""

    username = Text(max_length=150, required=False)
    email = Email(max_length=254, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError(_("Give either username or email."))
        person = find_person(**attrs)
        if person is None:
            raise serializers.ValidationError({next(iter(attrs)): [_("There is no such person.")]})
        return {"learner": person}


class OverviewLearnerSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    joined_at = serializers.DateTimeField()
    last_active = serializers.DateTimeField(allow_null=True)
    items_done = serializers.IntegerField(min_value=0)
    right = serializers.IntegerField(min_value=0)
    attempts = serializers.IntegerField(min_value=0)
    struggling = StruggleSerializer(many=True)
    overdue = serializers.IntegerField(min_value=0)
    stale = serializers.BooleanField()
    needs_help = serializers.ListField(
        child=serializers.ChoiceField(choices=["struggling", "overdue", "inactive"])
    )


class OverviewSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    items_total = serializers.IntegerField(min_value=0)
    learners = OverviewLearnerSerializer(many=True)


class LearnerMasterySerializer(EstimateSerializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    name = serializers.CharField()


class GroupConceptSerializer(serializers.Serializer[Any]):
    """How many learners have mastered a concept, and who has not."""

    id = serializers.IntegerField()
    slug = serializers.CharField()
    title = serializers.CharField()
    mastered = serializers.IntegerField(min_value=0)
    unsure = serializers.IntegerField(min_value=0)
    not_yet = serializers.IntegerField(min_value=0)
    unknown = serializers.IntegerField(
        min_value=0, help_text=gettext_lazy("Learners who have answered nothing on it.")
    )
    learners = LearnerMasterySerializer(
        many=True,
        help_text=gettext_lazy("Those who have surely not mastered it yet, weakest first."),
    )


class GroupMasterySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    concepts = GroupConceptSerializer(many=True)


class AssignmentSerializer(serializers.ModelSerializer[Assignment]):
    items: Any = serializers.SlugRelatedField("slug", many=True, read_only=True)
    concept: Any = serializers.SlugRelatedField("slug", read_only=True, allow_null=True)
    learners: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    teacher: Any = serializers.SlugRelatedField("username", read_only=True, allow_null=True)

    class Meta:
        model = Assignment
        fields = (
            "id", "rule", "items", "concept", "learners", "due", "teacher", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class LearnerOfGroupSerializer(ProgressSerializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    joined_at = serializers.DateTimeField()
    activity = ActivitySerializer(many=True)
    assignments = AssignmentSerializer(many=True)


@extend_schema_field({"type": "string", "format": "date-time"})
class DueField(serializers.DateTimeField):
    """A moment; without a time zone it is the server's."""


class NewAssignmentSerializer(serializers.Serializer[Any]):
    """Exactly one of `items` and `concept`; without `learners` it is for everybody in the group."""

    items = serializers.ListField(
        child=Slug(),
        required=False,
        min_length=1,
        max_length=200,
    )
    concept = Slug(required=False)
    learners = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        max_length=1_000,
    )
    due = DueField(required=False, allow_null=True)
    rule = serializers.ChoiceField(choices=Assignment.Rule.choices)

    def validate_items(self, slugs: list[str]) -> list[Item]:
        items = list(Item.objects.filter(slug__in=slugs))
        if unknown := sorted(set(slugs) - {item.slug for item in items}):
            raise serializers.ValidationError(
                _("Not in this group's courses: %(slugs)s.") % {"slugs": ", ".join(unknown)}
            )
        return items

    def validate_concept(self, slug: str) -> Concept:
        concept = Concept.objects.filter(slug=slug).first()
        if concept is None:
            raise serializers.ValidationError(_("No item of this group's courses teaches it."))
        return concept

    def validate_learners(self, ids: list[int]) -> list[User]:
        group: Group = self.context["group"]
        learners = list(group.learners.filter(pk__in=ids))
        if unknown := sorted(set(ids) - {learner.pk for learner in learners}):
            names = ", ".join(map(str, unknown))
            raise serializers.ValidationError(_("Not in this group: %(names)s.") % {"names": names})
        return learners

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("items" in attrs) == ("concept" in attrs):
            raise serializers.ValidationError({"items": [_("Give either items or a concept.")]})
        return attrs

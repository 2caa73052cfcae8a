"""A person to herself: sign-in, account, progress."""

from typing import Any

from common.api.fields import Text
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from learners.mastery import Level
from learners.models import Group, User


class LoginSerializer(serializers.Serializer[Any]):
    username = Text(max_length=254)
    password = Text(max_length=1_000, trim_whitespace=False)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expiry = serializers.DateTimeField()


class OwnGroupSerializer(serializers.ModelSerializer[Group]):
    class Meta:
        model = Group
        fields = ("id", "name")
        read_only_fields = fields


class MeSerializer(serializers.ModelSerializer[User]):
    """The account as its owner sees it; name and language are hers to change."""

    groups = OwnGroupSerializer(source="learning_groups", many=True, read_only=True)
    first_name = Text(max_length=150, allow_blank=True, required=False)
    last_name = Text(max_length=150, allow_blank=True, required=False)
    # An account may be without an address, which an EmailField could not say.
    email = serializers.CharField(read_only=True)
    language = serializers.ChoiceField(choices=[("", ""), *settings.LANGUAGES], required=False)

    class Meta:
        model = User
        fields = (
            "id", "username", "email", "first_name", "last_name", "language", "role", "synthetic",
            "date_joined", "groups",
        )  # fmt: skip
        read_only_fields = ("id", "username", "email", "role", "synthetic", "date_joined")


class ConfirmSerializer(serializers.Serializer[Any]):
    confirm = Text(
        max_length=150, required=False, help_text=_("Her own user name; required with a session.")
    )


class CourseProgressSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    title = serializers.CharField()
    done = serializers.IntegerField(min_value=0)
    total = serializers.IntegerField(min_value=0)
    seconds = serializers.FloatField(min_value=0)


class ConceptProgressSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    title = serializers.CharField()
    right = serializers.IntegerField(min_value=0)
    attempts = serializers.IntegerField(min_value=0)


class StruggleSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    title = serializers.CharField()
    answers = serializers.IntegerField(min_value=0)
    right = serializers.IntegerField(min_value=0)


class EstimateSerializer(serializers.Serializer[Any]):
    """P(right answer) with the interval that holds 80% of what may be."""

    mean = serializers.FloatField(min_value=0, max_value=1)
    low = serializers.FloatField(min_value=0, max_value=1)
    high = serializers.FloatField(min_value=0, max_value=1)
    answers = serializers.IntegerField(
        min_value=0, help_text=_("Graded answers that this rests on.")
    )


class ConceptMasterySerializer(EstimateSerializer):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    title = serializers.CharField()
    level = serializers.ChoiceField(
        choices=[each.value for each in Level],
        help_text=_("Mastered: the whole interval is at 0.7 or above; not yet: it is below."),
    )
    retrievability = serializers.FloatField(
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text=_("Mean P(still known) of its exercises by FSRS."),
    )
    updated_at = serializers.DateTimeField()


class ActivitySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    verb = serializers.CharField()
    item = serializers.CharField(source="slug")
    title = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    success = serializers.SerializerMethodField(help_text=_("As graded by the server, else null."))

    def get_success(self, row: dict[str, Any]) -> bool | None:
        return row["success"] if row["graded"] else None


class ProgressSerializer(serializers.Serializer[Any]):
    courses = CourseProgressSerializer(many=True)
    concepts = ConceptProgressSerializer(many=True)
    mastery = ConceptMasterySerializer(many=True, help_text=_("Weakest first."))
    struggling = StruggleSerializer(many=True)
    activity = ActivitySerializer(many=True)

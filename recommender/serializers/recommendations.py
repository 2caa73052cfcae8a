"""The shapes of recommendations and feedback on the wire."""

from typing import Any

from common.api.fields import Text, UUIDText
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from recommender import reasons
from recommender.models import Feedback


class RecommendationQuery(serializers.Serializer[Any]):
    course = serializers.SlugField(
        required=False, max_length=100, help_text=_("Items of this course only.")
    )
    limit = serializers.IntegerField(
        required=False, default=20, min_value=1, max_value=200, help_text=_("How many items.")
    )


class EvidenceSerializer(serializers.Serializer[Any]):
    """What a reason points to: an event of the learner's on an item, or a concept."""

    event = serializers.UUIDField(
        allow_null=True, help_text=_("The id with which the event was sent.")
    )
    item = serializers.SlugField(allow_null=True, help_text=_("The item that the event was on."))
    concept = serializers.SlugField(allow_null=True, help_text=_("The concept that is meant."))
    title = serializers.CharField(help_text=_("Title of the item or concept."))
    at = serializers.DateTimeField(allow_null=True, help_text=_("When the event occurred."))


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=reasons.CODES)
    text = serializers.CharField(help_text=_("In the language of the request."))
    evidence = EvidenceSerializer(many=True)


class ItemReferenceSerializer(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    title = serializers.CharField()
    kind = serializers.CharField()
    course = serializers.SlugField()


class RecommendedItemSerializer(serializers.Serializer[Any]):
    rank = serializers.IntegerField(min_value=1, help_text=_("1 is the top of this answer."))
    item = ItemReferenceSerializer()
    score = serializers.FloatField(help_text=_("Comparable within this slate only."))
    predicted_success = serializers.FloatField(
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text=_("P(right answer); null where it is not predicted."),
    )
    retrievability = serializers.FloatField(
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text=_("P(still known) by FSRS; null where she has answered nothing on it."),
    )
    reasons = ReasonSerializer(many=True, help_text=_("At least one."))


class RecommendationsSerializer(serializers.Serializer[Any]):
    slate = serializers.UUIDField(help_text=_("Changes with every refresh."))
    model_version = serializers.IntegerField(
        allow_null=True, help_text=_("Null for a slate of the syllabus.")
    )
    computed_at = serializers.DateTimeField()
    stale = serializers.BooleanField(help_text=_("A newer slate is on its way."))
    items = RecommendedItemSerializer(many=True)


class DueReviewSerializer(serializers.Serializer[Any]):
    item = ItemReferenceSerializer()
    retrievability = serializers.FloatField(
        min_value=0, max_value=1, help_text=_("P(still known) by FSRS, now.")
    )
    due_at = serializers.DateTimeField(help_text=_("When that fell to 0.9."))


class DueReviewsSerializer(serializers.Serializer[Any]):
    due = serializers.IntegerField(min_value=0, help_text=_("How many are due in all."))
    items = DueReviewSerializer(many=True, help_text=_("The least remembered first."))


class FeedbackSerializer(serializers.Serializer[Any]):
    id = UUIDText(
        required=False, help_text=_("Makes sending twice harmless; made up where it is absent.")
    )
    item = serializers.SlugField(max_length=100, help_text=_("An item of the slate."))
    signal = serializers.ChoiceField(choices=Feedback.Signal.choices)
    comment = Text(
        required=False, allow_blank=True, default="", max_length=2000, trim_whitespace=False
    )


class AcceptedFeedbackSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()

"""Answers and their outcome."""

from typing import Any

from common.api.fields import UUIDText
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from content.grading import Grade


class RecordedSerializer(serializers.Serializer[Any]):
    accepted = serializers.IntegerField(min_value=0)
    duplicates = serializers.IntegerField(min_value=0)


@extend_schema_field(
    {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "array", "items": {}}]}
)
class ResponseField(serializers.JSONField):
    """Any JSON: what it must look like depends on the question, and the grader says so."""


class AttemptInput(serializers.Serializer[Any]):
    id = UUIDText()
    response = ResponseField()
    hints = serializers.IntegerField(
        min_value=0, max_value=100, default=0, help_text=_("How many hints were opened before.")
    )


class PartSerializer(serializers.Serializer[Grade]):
    correct = serializers.BooleanField()
    score = serializers.FloatField(min_value=0, max_value=1)
    feedback = serializers.CharField(help_text=_("Markdown"))
    explanation = serializers.CharField(help_text=_("Markdown"))


class AttemptResult(PartSerializer):
    feedback_html = serializers.CharField()
    explanation_html = serializers.CharField()
    parts = PartSerializer(many=True, help_text=_("One a question of a quiz, else empty."))

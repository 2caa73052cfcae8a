"""What readers see. The key of a question is shown to those who may write it, to nobody else."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from content.grading import public_question
from content.keys import key_json_schema
from content.markdown import render
from content.models import Concept, Course, Item, Question, Section
from content.rules import can_edit_catalogue


class SectionSerializer(serializers.ModelSerializer[Section]):
    # The library types `parent` as the serializer above; as a declared field it is only this name.
    parent = serializers.SlugField(  # type: ignore[assignment]
        source="parent.slug", default=None, allow_null=True
    )

    class Meta:
        model = Section
        fields = ["slug", "title", "summary", "position", "parent"]


class CourseSummarySerializer(serializers.ModelSerializer[Course]):
    """A course in a list."""

    authors = serializers.ListField(child=serializers.CharField())
    translation_of = serializers.SlugField(
        source="translation_of.slug", default=None, allow_null=True
    )

    class Meta:
        model = Course
        fields = [
            *("id", "slug", "title", "language", "summary", "subject", "audience", "licence"),
            *("authors", "translation_of", "published", "synthetic"),
        ]


class CourseSerializer(CourseSummarySerializer):
    """A course with its sections, in order."""

    description_html = serializers.SerializerMethodField()
    sections = SectionSerializer(many=True)

    class Meta(CourseSummarySerializer.Meta):
        fields = [
            *CourseSummarySerializer.Meta.fields,
            *("description", "description_html", "sections"),
        ]

    def get_description_html(self, course: Course) -> str:
        return render(course.description)


class ConceptSerializer(serializers.ModelSerializer[Concept]):
    prerequisites: Any = serializers.SlugRelatedField(slug_field="slug", many=True, read_only=True)

    class Meta:
        model = Concept
        fields = ["id", "slug", "title", "description", "prerequisites"]


class OptionSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text=_("The response that chooses it."))
    text = serializers.CharField()
    html = serializers.CharField()


@extend_schema_field(key_json_schema())
class KeyField(serializers.JSONField):
    """The key, by the question's answer type."""


class QuestionSerializer(serializers.Serializer[Question]):
    """A question; `key`, `hints` and `explanation` are there for authors and operators only."""

    position = serializers.IntegerField()
    prompt = serializers.CharField()
    prompt_html = serializers.CharField()
    answer_type = serializers.ChoiceField(choices=Question.AnswerType.choices)
    unit = serializers.CharField()
    options = OptionSerializer(many=True)
    hint_count = serializers.IntegerField()
    key = KeyField(required=False)
    hints = serializers.ListField(child=serializers.CharField(), required=False)
    explanation = serializers.CharField(required=False)

    def to_representation(self, question: Question) -> dict[str, Any]:
        shown = public_question(question)
        if can_edit_catalogue(self.context["request"].user):
            shown |= {
                "key": question.key,
                "hints": question.hints,
                "explanation": question.explanation,
            }
        return shown


class ItemSummarySerializer(serializers.ModelSerializer[Item]):
    """An item in a list."""

    course = serializers.SlugField(source="course.slug")
    section = serializers.SlugField(source="section.slug", default=None, allow_null=True)
    concepts: Any = serializers.SlugRelatedField(slug_field="slug", many=True, read_only=True)

    class Meta:
        model = Item
        fields = [
            *("id", "slug", "title", "kind", "course", "section", "position", "minutes"),
            *("difficulty", "concepts", "published"),
        ]


class ItemSerializer(ItemSummarySerializer):
    """An item to study."""

    body_html = serializers.SerializerMethodField()
    questions = QuestionSerializer(many=True)

    class Meta(ItemSummarySerializer.Meta):
        fields = [*ItemSummarySerializer.Meta.fields, "body", "body_html", "file", "questions"]

    def get_body_html(self, item: Item) -> str:
        return render(item.body)


class HintSerializer(serializers.Serializer[Any]):
    hint = serializers.IntegerField(help_text=_("From 1."))
    of = serializers.IntegerField(help_text=_("How many hints the question has."))
    text = serializers.CharField(help_text=_("Markdown"))
    html = serializers.CharField()

"""What authors may write. Shapes and lengths are judged here, meaning by the services."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from common.api.fields import PlainSlug, SlugReference, Text
from django.core.exceptions import ValidationError as ModelError
from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from content import services
from content.models import Concept, Course, Item, Question, Section
from content.serializers.output import KeyField
from content.validation import MAX_TEXT, Path

MAX_MINUTES = 600


class FiniteField(serializers.FloatField):
    """A number that a float can hold: JSON may spell one that is beyond it."""

    def to_internal_value(self, data: Any) -> float:
        try:
            return super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")


class _Strict:
    """For model serializers: a number is no text."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: Text,
        models.SlugField: PlainSlug,
        models.TextField: Text,
    }


class SectionInput(_Strict, serializers.ModelSerializer[Section]):
    """A section of a course, by its slug; sections stand in the order in which they are given."""

    # The library types `parent` as the serializer above; as a declared field it is only this name.
    parent = PlainSlug(  # type: ignore[assignment]
        required=False, allow_null=True, max_length=100
    )

    class Meta:
        model = Section
        fields = ["slug", "title", "summary", "parent"]
        extra_kwargs = {"summary": {"max_length": MAX_TEXT}}


class CourseInput(_Strict, serializers.ModelSerializer[Course]):
    """A course. `sections`, where given, are all of them: items of a section that is missing lose it."""

    authors = serializers.ListField(child=Text(max_length=200), required=False, max_length=100)
    translation_of = SlugReference(queryset=Course.objects.all(), required=False, allow_null=True)
    sections = SectionInput(many=True, required=False)

    class Meta:
        model = Course
        fields = [
            *("slug", "title", "language", "summary", "description", "subject", "audience"),
            *("licence", "authors", "translation_of", "published", "sections"),
        ]
        extra_kwargs = {name: {"max_length": MAX_TEXT} for name in ("summary", "description")}

    def create(self, validated_data: dict[str, Any]) -> Course:
        with refusing():
            return services.create_course(**validated_data)

    def update(self, course: Course, validated_data: dict[str, Any]) -> Course:
        with refusing():
            services.update_course(course=course, **validated_data)
        return course


class ConceptInput(_Strict, serializers.ModelSerializer[Concept]):
    """A concept. `prerequisites`, where given, are all of them; one that would close a circle is refused."""

    prerequisites = SlugReference(queryset=Concept.objects.all(), many=True, required=False)

    class Meta:
        model = Concept
        fields = ["slug", "title", "description", "prerequisites"]
        extra_kwargs = {"description": {"max_length": MAX_TEXT}}

    def create(self, validated_data: dict[str, Any]) -> Concept:
        with refusing():
            return services.create_concept(**validated_data)

    def update(self, concept: Concept, validated_data: dict[str, Any]) -> Concept:
        with refusing():
            services.update_concept(concept=concept, **validated_data)
        return concept


class QuestionInput(serializers.Serializer[Any]):
    prompt = Text(required=False, allow_blank=True, max_length=MAX_TEXT)
    answer_type = serializers.ChoiceField(choices=Question.AnswerType.choices)
    key = KeyField()
    hints = serializers.ListField(child=Text(max_length=2_000), required=False, max_length=20)
    explanation = Text(required=False, allow_blank=True, max_length=MAX_TEXT)


class ItemInput(_Strict, serializers.ModelSerializer[Item]):
    """An item. `concepts` and `questions`, where given, are all of them; without `position` it is the last."""

    course = SlugReference(queryset=Course.objects.all())
    section = PlainSlug(required=False, allow_null=True, max_length=100)
    concepts = SlugReference(queryset=Concept.objects.all(), many=True, required=False)
    minutes = FiniteField(required=False, min_value=0, max_value=MAX_MINUTES)
    difficulty = FiniteField(required=False, min_value=0, max_value=1)
    questions = QuestionInput(many=True, required=False)

    class Meta:
        model = Item
        fields = [
            *("slug", "title", "kind", "course", "section", "position", "minutes", "difficulty"),
            *("concepts", "published", "body", "file", "questions"),
        ]
        extra_kwargs = {
            "body": {"max_length": MAX_TEXT},
            "position": {"required": False, "min_value": 0, "max_value": 2_000_000_000},
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Find the section by its slug, which is unique within the course only."""
        course = attrs.get("course") or getattr(self.instance, "course", None)
        if attrs.get("section") is not None:
            section = Section.objects.filter(course=course, slug=attrs["section"]).first()
            if section is None:
                raise serializers.ValidationError(
                    {"section": _("The course has no section of this slug.")}
                )
            attrs["section"] = section
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Item:
        with refusing():
            return services.create_item(**validated_data)

    def update(self, item: Item, validated_data: dict[str, Any]) -> Item:
        with refusing():
            services.update_item(item=item, **validated_data)
        return item


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what a service refuses into the API's error, each message at its field."""
    try:
        yield
    except ModelError as error:
        raise serializers.ValidationError(error.message_dict) from error
    except services.PrerequisiteCycle as error:
        raise serializers.ValidationError({"prerequisites": [str(error)]}) from error
    except services.InvalidQuestions as error:
        raise serializers.ValidationError({"questions": _nest(error.errors)}) from error


def _nest(errors: list[tuple[Path, str]]) -> Mapping[str, Any]:
    """Return messages keyed by dotted path, which is how an error names the entry of a list."""
    fields: dict[str, Any] = {}
    for path, message in errors:
        fields.setdefault(".".join(map(str, path)) or "non_field_errors", []).append(message)
    return fields

"""The shapes of an attention profile on the wire."""

import re
from typing import Any, ClassVar

from common.api.fields import Flag, Number
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from learners.models import Event
from recommender.attention import FAMILIES, LIMIT
from recommender.models import Feedback, Observation
from recommender.services.attention import MOST_SET

_NAME = re.compile(rf"({'|'.join(FAMILIES)}):[-a-zA-Z0-9_]{{1,100}}", re.ASCII)


class NamedItemSerializer(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    title = serializers.CharField()


class StatementSerializer(serializers.Serializer[Any]):
    """One feedback that is in force."""

    id = serializers.UUIDField()
    slate = serializers.UUIDField(
        allow_null=True, help_text=_("The list that it was given on; null once that is pruned.")
    )
    item = NamedItemSerializer(source="*")
    signal = serializers.ChoiceField(choices=Feedback.Signal.choices)
    received_at = serializers.DateTimeField()


class DeedSerializer(serializers.Serializer[Any]):
    """One thing that the learner did otherwise than was to be expected."""

    item = NamedItemSerializer(source="*")
    signal = serializers.ChoiceField(choices=Observation.Signal.choices)
    text = serializers.CharField(
        source="signal_label", help_text=_("In the language of the request.")
    )
    received_at = serializers.DateTimeField()


class MoveSerializer(serializers.Serializer[Any]):
    """One of feedback and observation is null."""

    feedback = StatementSerializer(allow_null=True)
    observation = DeedSerializer(allow_null=True)
    factor = serializers.FloatField(
        min_value=0, help_text=_("What it multiplied the weight by when it came.")
    )


class FeatureWeightSerializer(serializers.Serializer[Any]):
    """How much a topic, format, behaviour or item counts."""

    id = serializers.CharField(help_text=_("Family and slug: concept:fractions, kind:video."))
    family = serializers.ChoiceField(choices=[(name, name) for name in FAMILIES])
    name = serializers.CharField(help_text=_("In the language of the request."))
    weight = serializers.FloatField(
        min_value=1 / LIMIT, max_value=LIMIT, help_text=_("1 is as for everybody.")
    )
    low = serializers.FloatField(help_text=_("The weight never goes below."))
    high = serializers.FloatField(help_text=_("The weight never goes above."))
    limited = serializers.BooleanField(help_text=_("The learner has set these limits."))
    moved_by = MoveSerializer(many=True, help_text=_("What moved it most."))


class AttentionSerializer(serializers.Serializer[Any]):
    paused = serializers.BooleanField(help_text=_("Kept, but without effect on the list."))
    stale = serializers.BooleanField(help_text=_("A change is being worked in."))
    computed_at = serializers.DateTimeField(allow_null=True)
    reset_at = serializers.DateTimeField(allow_null=True)
    target_success = serializers.FloatField(
        min_value=0, max_value=1, help_text=_("What the next exercise should promise.")
    )
    features = FeatureWeightSerializer(many=True, help_text=_("Furthest from 1 first."))
    feedback = StatementSerializer(many=True, help_text=_("In force, newest first."))
    observations = DeedSerializer(many=True, help_text=_("What she did that counts, newest first."))


class ByFeature(serializers.DictField):
    """Values by feature id."""

    default_error_messages: ClassVar[Any] = {
        "not_named": _("A feature is named by family and slug, like concept:fractions."),
        "too_many": _("At most {count} can be set at once."),
    }

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            if len(data) > MOST_SET:
                self.fail("too_many", count=MOST_SET)
            # Before the values, whose errors would repeat the name, whatever it is.
            if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in data):
                self.fail("not_named")
        return super().to_internal_value(data)


class AttentionChangeSerializer(serializers.Serializer[Any]):
    """What a learner may change; what isn't named stays as it is."""

    paused = Flag(required=False)
    weights = ByFeature(
        child=Number(min_value=1 / LIMIT, max_value=LIMIT, allow_null=True),
        required=False,
        help_text=_(
            "Sets the weight of features, by id; null leaves one to what feedback makes of it."
        ),
    )
    limits = ByFeature(
        child=serializers.ListField(
            child=Number(min_value=1 / LIMIT, max_value=LIMIT),
            min_length=2,
            max_length=2,
            allow_null=True,
        ),
        required=False,
        help_text=_("Lowest and highest weight of features, by id; null takes limits away."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        weights, limits = attrs.get("weights", {}), attrs.get("limits", {})
        errors: dict[str, Any] = {}
        for name, ends in limits.items():
            if name in weights:
                errors[f"limits.{name}"] = [_("Set either its weight or its limits.")]
            elif ends is not None and ends[0] > ends[1]:
                errors[f"limits.{name}"] = [_("The lowest comes before the highest.")]
        if errors:
            raise serializers.ValidationError(errors)
        return attrs

    @property
    def ends(self) -> dict[str, tuple[float, float] | None]:
        """Lowest and highest weight by id, of what was sent; None where it is given back."""
        data = self.validated_data
        set_to = {name: value and (value, value) for name, value in data.get("weights", {}).items()}
        return {
            **set_to,
            **{name: each and tuple(each) for name, each in data.get("limits", {}).items()},
        }


class SpokenForSerializer(serializers.Serializer[Any]):
    """An item of the slate that an event spoke for."""

    item = NamedItemSerializer(source="*")
    share = serializers.FloatField(
        min_value=0, max_value=1, help_text=_("Of all that spoke for this item.")
    )


class AttendedEventSerializer(serializers.Serializer[Any]):
    """One past event that the model attended to."""

    event = serializers.UUIDField()
    item = NamedItemSerializer(source="*")
    verb = serializers.ChoiceField(choices=Event.Verb.choices)
    success = serializers.BooleanField(
        source="right", allow_null=True, help_text=_("As this server graded it.")
    )
    occurred_at = serializers.DateTimeField()
    shares = serializers.ListField(
        child=serializers.FloatField(min_value=0, max_value=1),
        help_text=_("Of each head; 0 where it is not among its eight largest."),
    )
    speaks_for = SpokenForSerializer(many=True, help_text=_("Items of the slate, at most two."))


class AttentionMapSerializer(serializers.Serializer[Any]):
    """Where attention lay when a slate was made; of each head all of it adds up to 1."""

    slate = serializers.UUIDField()
    computed_at = serializers.DateTimeField()
    heads = serializers.IntegerField(min_value=1)
    beginning = serializers.ListField(
        child=serializers.FloatField(min_value=0, max_value=1),
        help_text=_("Of each head what is on nothing in particular."),
    )
    rest = serializers.ListField(
        child=serializers.FloatField(min_value=0, max_value=1),
        help_text=_("Of each head what is on events that are not listed."),
    )
    events = AttendedEventSerializer(many=True, help_text=_("By falling mean share."))

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from recommender.serializers.recommendations import ItemReferenceSerializer


class PlacementQuery(serializers.Serializer[Any]):
    course = serializers.SlugField(max_length=100, help_text=_("The course to be placed in."))


class PlacementSerializer(serializers.Serializer[Any]):
    course = serializers.SlugField()
    finished = serializers.BooleanField(help_text=_("There is nothing to ask (any more)."))
    answered = serializers.IntegerField(
        min_value=0, help_text=_("Exercises of the course that she has answered.")
    )
    at_most = serializers.IntegerField(min_value=1, help_text=_("So many are asked at most."))
    ability = serializers.FloatField(
        help_text=_("In logits from the middle of the course, as it is known now.")
    )
    standard_error = serializers.FloatField(min_value=0, help_text=_("Of the ability."))
    item = ItemReferenceSerializer(allow_null=True, help_text=_("What to answer next."))

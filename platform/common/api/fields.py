"""Fields that take what the schema says and nothing else: a number is no text."""

import math
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.relations import MANY_RELATION_KWARGS


class _TextOnly:
    default_error_messages: Any = {"not_text": _("Must be a text.")}

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # CharField would turn numbers into text, and so would its kin.
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            self.fail("not_text")  # type: ignore[attr-defined]
        return super().run_validation(data)  # type: ignore[misc]


class Text(_TextOnly, serializers.CharField):
    """Text as it is: markup stays, null characters are refused."""


class Email(_TextOnly, serializers.EmailField):
    """An email address."""


class UUIDText(_TextOnly, serializers.UUIDField):
    """A UUID; a number, which could be read as one, is a mistake of the sender."""


class Slug(_TextOnly, serializers.RegexField):
    """A slug: Latin letters, digits, dashes and underscores, 100 at most."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[-a-zA-Z0-9_]+$", max_length=100, **kwargs)


class PlainSlug(_TextOnly, serializers.SlugField):
    """A slug of a model's own length."""


class SlugReference(serializers.SlugRelatedField[Any]):
    """Another object by its slug. An empty text names nothing, and several are given as a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="slug", **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data == "":  # a related field would take it for null
            self.fail("does_not_exist", slug_name="slug", value=data)
        return super().run_validation(data)

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> Any:
        outer = {name: kwargs[name] for name in kwargs if name in MANY_RELATION_KWARGS}
        return _ListOfReferences(child_relation=cls(*args, **kwargs), **outer)


class _ListOfReferences(serializers.ManyRelatedField):
    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):  # it can be iterated, too
            self.fail("not_a_list", input_type="dict")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    """A number that JSON spells as one, and a float can hold: no text, no truth value."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            found = float(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(found):
            self.fail("invalid")
        return found


class Flag(serializers.BooleanField):
    """True or false, and no word for it."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and not isinstance(data, bool):
            self.fail("invalid", input=data)
        return super().run_validation(data)

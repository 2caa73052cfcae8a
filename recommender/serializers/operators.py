"""Training runs and model versions as operators see them in the API."""

import math
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from recommender.models import ModelVersion, TrainingRun

MAX_SEED = 2**31 - 1
MIN_MINUTES, MAX_MINUTES = 0.1, 1440.0


class WholeNumber(serializers.IntegerField):
    """A JSON number without a fraction; no text, no truth value."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float) or data != int_or_nan(data):
            self.fail("invalid")
        return super().to_internal_value(int(data))


class Number(serializers.FloatField):
    """A finite JSON number; no text, no truth value."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return super().to_internal_value(data)


def int_or_nan(value: float) -> float:
    """The whole part of a number, NaN where it has none."""
    return int(value) if math.isfinite(value) else math.nan


class TrainingOptionsSerializer(serializers.Serializer[Any]):
    """What a run may be asked for; what is left out is decided by the settings."""

    seed = WholeNumber(
        required=False,
        min_value=0,
        max_value=MAX_SEED,
        help_text=_("Seed of everything random; the same data and seed give the same version."),
    )
    minutes = Number(
        required=False,
        min_value=MIN_MINUTES,
        max_value=MAX_MINUTES,
        help_text=_("Bound of the training itself; the setting TRAINING_MINUTES without it."),
    )


class EpochSerializer(serializers.Serializer[Any]):
    """One row of a run's history."""

    phase = serializers.CharField()
    epoch = serializers.IntegerField()
    loss = serializers.FloatField(allow_null=True)
    metric = serializers.FloatField(
        allow_null=True,
        help_text=_(
            "What validation found, the more the better: NDCG@10 in the phase `attention`, in `success` the log loss "
            "as a negative number."
        ),
    )


class TrainingRunSerializer(serializers.ModelSerializer[TrainingRun]):
    """A run in a list."""

    requested_by = serializers.CharField(
        source="requested_by.username", default=None, allow_null=True, read_only=True
    )
    model_version = serializers.IntegerField(source="version_id", allow_null=True, read_only=True)

    class Meta:
        model = TrainingRun
        fields = [
            *("id", "status", "created_at", "started_at", "finished_at", "requested_by"),
            *("phase", "epoch", "epochs", "loss", "metric", "seconds_left", "cancel_requested"),
            *("error", "takeovers", "model_version"),
        ]
        read_only_fields = fields


class TrainingRunDetailSerializer(TrainingRunSerializer):
    """A run with what was asked for and what happened epoch by epoch."""

    options = TrainingOptionsSerializer(read_only=True)
    history = EpochSerializer(many=True, read_only=True)

    class Meta(TrainingRunSerializer.Meta):
        fields = [*TrainingRunSerializer.Meta.fields, "options", "data_until", "history"]
        read_only_fields = fields


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A version in a list."""

    parent: Any = serializers.IntegerField(source="parent_id", allow_null=True, read_only=True)
    training_run = serializers.SerializerMethodField()
    metrics = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        read_only=True,
        help_text=_("On the validation part that the run held out."),
    )
    gate = serializers.DictField(
        read_only=True,
        help_text=_("Verdict of the activation gate with its figures; empty where it has none."),
    )

    class Meta:
        model = ModelVersion
        fields = [
            *("id", "created_at", "is_active", "activated_at", "data_until", "parent"),
            *("training_run", "metrics", "gate", "problem", "sha256"),
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_training_run(self, version: ModelVersion) -> int | None:
        run = getattr(version, "run", None)
        return None if run is None else run.pk


class ModelVersionDetailSerializer(ModelVersionSerializer):
    """A version with its manifest and its report of fairness."""

    manifest = serializers.DictField(read_only=True)
    fairness = serializers.DictField(
        read_only=True,
        help_text=_("How it serves parts of the learners, on what its run held out."),
    )

    class Meta(ModelVersionSerializer.Meta):
        fields = [*ModelVersionSerializer.Meta.fields, "artefact", "manifest", "fairness"]
        read_only_fields = fields

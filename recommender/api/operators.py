"""What operators do through the API: train, cancel, compare, activate, roll back."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from recommender.models import ModelVersion, TrainingRun
from recommender.selectors.training import list_training_runs
from recommender.selectors.versions import list_versions
from recommender.serializers.operators import (
    ModelVersionDetailSerializer,
    ModelVersionSerializer,
    TrainingOptionsSerializer,
    TrainingRunDetailSerializer,
    TrainingRunSerializer,
)
from recommender.services.activation import activate_version
from recommender.services.training import cancel_training, request_training


class IsOperator(BasePermission):
    """Operators only."""

    message = _("Only operators may do this.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(getattr(request.user, "is_operator", False))


@extend_schema_view(
    list=extend_schema(summary="List training runs, newest first", tags=["operators"]),
    retrieve=extend_schema(summary="Watch one training run", tags=["operators"]),
)
class TrainingRunViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TrainingRun]
):
    """Training happens in a worker; a run is a row to watch."""

    permission_classes = [IsAuthenticated, IsOperator]
    queryset = TrainingRun.objects.none()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[TrainingRun]:
        runs = list_training_runs()
        return runs if self.action == "list" else runs.defer(None)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return TrainingRunSerializer if self.action == "list" else TrainingRunDetailSerializer

    @extend_schema(
        summary="Start a training run",
        description="Queued at once; runs wait for one another. The candidate that it ends in isn't activated by this.",
        tags=["operators"],
        request=TrainingOptionsSerializer,
        responses={201: TrainingRunDetailSerializer},
    )
    def create(self, request: Request) -> Response:
        options = TrainingOptionsSerializer(data=request.data)
        options.is_valid(raise_exception=True)
        run = request_training(by=request.user, options=dict(options.validated_data))
        return Response(TrainingRunDetailSerializer(run).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Cancel a training run",
        description="A queued run is cancelled at once, a running one within seconds. Twice is once; a finished run: 409.",
        tags=["operators"],
        request=None,
        responses={200: TrainingRunDetailSerializer},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        run = cancel_training(run_id=self.get_object().pk)
        return Response(TrainingRunDetailSerializer(run).data)


@extend_schema_view(
    list=extend_schema(summary="List model versions, newest first", tags=["operators"]),
    retrieve=extend_schema(summary="One model version with its manifest", tags=["operators"]),
)
class ModelVersionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ModelVersion]
):
    """Versions are immutable; which one is active is a pointer."""

    permission_classes = [IsAuthenticated, IsOperator]
    queryset = ModelVersion.objects.none()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[ModelVersion]:
        versions = list_versions()
        return versions if self.action == "list" else versions.defer(None)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return ModelVersionSerializer if self.action == "list" else ModelVersionDetailSerializer

    @extend_schema(
        summary="Activate a model version",
        description=(
            "One atomic step; activating an earlier version is rolling back. The active version itself stays as it is. "
            "409 where the version's files are missing."
        ),
        tags=["operators"],
        request=None,
        responses={200: ModelVersionDetailSerializer},
    )
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        activate_version(version=self.get_object(), by=request.user)
        return Response(ModelVersionDetailSerializer(self.get_object()).data)


router = SimpleRouter()
router.register("training-runs", TrainingRunViewSet, basename="training-run")
router.register("model-versions", ModelVersionViewSet, basename="model-version")

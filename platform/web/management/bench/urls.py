"""The API with one more address: a view that does nothing, behind the same middleware and the same token."""

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class EmptyView(APIView):
    """The least that an authenticated answer costs."""

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [path("bench/empty/", EmptyView.as_view()), path("", include("config.urls"))]

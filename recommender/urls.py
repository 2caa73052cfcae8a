"""The recommender's part of the API."""

from recommender.api import operators

urlpatterns = [*operators.router.urls]

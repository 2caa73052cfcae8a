from django.urls import path

from recommender.api import operators
from recommender.api.recommendations import FeedbackView, RecommendationsView

urlpatterns = [
    path("recommendations/", RecommendationsView.as_view(), name="recommendations"),
    path(
        "recommendations/<uuid:slate>/feedback/",
        FeedbackView.as_view(),
        name="recommendation-feedback",
    ),
    *operators.router.urls,
]

from django.urls import path

from recommender.api import operators
from recommender.api.attention import AttentionView, LearnerAttentionView, SlateAttentionView
from recommender.api.placement import PlacementView
from recommender.api.recommendations import (
    FeedbackView,
    GivenFeedbackView,
    RecommendationsView,
)
from recommender.api.reviews import DueReviewsView

urlpatterns = [
    path("recommendations/", RecommendationsView.as_view(), name="recommendations"),
    path(
        "recommendations/<uuid:slate>/feedback/",
        FeedbackView.as_view(),
        name="recommendation-feedback",
    ),
    path(
        "recommendations/<uuid:slate>/feedback/<uuid:id>/",
        GivenFeedbackView.as_view(),
        name="recommendation-given-feedback",
    ),
    path(
        "recommendations/<uuid:slate>/attention/",
        SlateAttentionView.as_view(),
        name="recommendation-attention",
    ),
    path("placement/", PlacementView.as_view(), name="placement"),
    path("me/reviews/", DueReviewsView.as_view(), name="me-reviews"),
    path("me/attention/", AttentionView.as_view(), name="me-attention"),
    path(
        "groups/<int:group>/learners/<int:learner>/attention/",
        LearnerAttentionView.as_view(),
        name="group-learner-attention",
    ),
    *operators.router.urls,
]

"""Routes of the API to people, groups, events and attempts."""

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from learners.api.auth import LoginView, LogoutView
from learners.api.events import AttemptsView, EventsView
from learners.api.groups import GroupViews, JoinView
from learners.api.me import ExportView, MeView, ProgressView
from learners.api.members import AssignmentViews, MemberViews

router = SimpleRouter()
router.register("groups", GroupViews, basename="group")

urlpatterns = [
    path("auth/login/", LoginView.as_view(), name="login"),
    path("auth/logout/", LogoutView.as_view(), name="logout"),
    path("events/", EventsView.as_view(), name="events"),
    re_path(
        "^items/(?P<slug>[-a-zA-Z0-9_]+)/attempts/$", AttemptsView.as_view(), name="item-attempts"
    ),
    path("me/", MeView.as_view(), name="me"),
    path("me/progress/", ProgressView.as_view(), name="me-progress"),
    path("me/export/", ExportView.as_view(), name="me-export"),
    path("groups/join/", JoinView.as_view(), name="group-join"),
    path(
        "groups/<int:group>/learners/",
        MemberViews.as_view({"get": "list", "post": "create"}),
        name="group-learners",
    ),
    path(
        "groups/<int:group>/learners/<int:learner>/",
        MemberViews.as_view({"get": "retrieve", "delete": "destroy"}),
        name="group-learner",
    ),
    path(
        "groups/<int:group>/assignments/",
        AssignmentViews.as_view({"get": "list", "post": "create"}),
        name="group-assignments",
    ),
    path(
        "groups/<int:group>/assignments/<int:assignment>/",
        AssignmentViews.as_view({"delete": "destroy"}),
        name="group-assignment",
    ),
    *router.urls,
]

from typing import cast

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from learners.models import User


class LeadsGroups(IsAuthenticated):
    """Teachers and operators. Which groups, the queryset says: another's group does not exist for her."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and request.user.has_perm(
            "learners.lead_groups"
        )


def person_of(request: Request) -> User:
    """Return who asks, in a view that nobody enters anonymously."""
    return cast(User, request.user)

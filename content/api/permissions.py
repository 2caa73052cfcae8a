from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from content.rules import can_edit_catalogue


class ReadsOrEdits(IsAuthenticated):
    """Whoever is signed in reads what she may see; authors and operators write the whole catalogue."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        return request.method in SAFE_METHODS or can_edit_catalogue(request.user)

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class CursorPages(CursorPagination):
    """`{"next", "previous", "results"}`: stable while rows are added, at the same cost for every page."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_page_size(self, request: Request) -> int:
        """Raises ValidationError where the base class would quietly take its default."""
        asked = request.query_params.get(self.page_size_query_param, str(self.page_size))
        plain = asked.isascii() and asked.isdecimal() and len(asked) < 10
        if not (plain and 0 < int(asked) <= self.max_page_size):
            message = _("Must be a number from 1 to %(limit)s.") % {"limit": self.max_page_size}
            raise ValidationError({self.page_size_query_param: [message]})
        return int(asked)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] = {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_page_size,
                }
        return parameters

"""How people's rows are looked at, and deleted."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin


class ReadOnly(ModelAdmin):
    """Facts and derived state: looked at, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ThroughService(ModelAdmin):
    """Deleted by a service, which knows what goes along.

    The usual page of confirmation would load every event of a person, and ask for the right to delete each one.
    """

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        names = [str(one) for one in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []

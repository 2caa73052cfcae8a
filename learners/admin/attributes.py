"""Attributes that an operator declares, one by one or from a table."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from import_export import fields, resources
from import_export.admin import ImportMixin
from import_export.formats.base_formats import CSV
from import_export.tmp_storages import CacheStorage
from import_export.widgets import ForeignKeyWidget
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ImportForm

from learners.models import LearnerAttribute, User

COLUMNS: Final = ("learner", "name", "value")


class PersonWidget(ForeignKeyWidget):
    """A person by her user name."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> User:
        try:
            return User.objects.get(username=value)
        except User.DoesNotExist as error:
            raise ValueError(_("learner: nobody is called %(name)s") % {"name": value}) from error


class AttributeResource(resources.ModelResource):
    """A table of user name, name of the attribute, and value; a row takes the place of an earlier one of that name."""

    learner = fields.Field(
        column_name="learner",
        attribute="learner",
        widget=PersonWidget(User, field="username"),
    )

    class Meta:
        model = LearnerAttribute
        fields = COLUMNS
        import_order = COLUMNS
        import_id_fields = ("learner", "name")
        clean_model_instances = True
        skip_unchanged = True
        use_transactions = True

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        missing = [name for name in COLUMNS if name not in (dataset.headers or ())]
        if missing:
            raise ValueError(_("Missing columns: %(names)s") % {"names": ", ".join(missing)})

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        for name in COLUMNS:
            row[name] = str(row[name] or "").strip()


@admin.register(LearnerAttribute)
class AttributeAdmin(ImportMixin, ModelAdmin):
    """What versions' reports are divided by, beside groups and pace. No model reads it, and teachers do not see it."""

    list_display = ("learner", "name", "value")
    list_filter = ("name",)
    list_select_related = ("learner",)
    search_fields = ("learner__username__exact", "name", "value")
    autocomplete_fields = ("learner",)
    resource_classes = (AttributeResource,)
    import_form_class = ImportForm
    # What waits for its confirmation is personal: not in a file, and it goes by itself.
    tmp_storage_class = CacheStorage
    # The log would name each learner for good, also once she has left.
    from_encoding = "utf-8-sig"  # as spreadsheets write it
    skip_admin_log = True

    def get_import_formats(self) -> Sequence[Any]:
        return [CSV]

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

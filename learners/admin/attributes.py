"""Attributes that an operator declares, one by one or from a table."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from import_export import fields, resources
from import_export.admin import ImportMixin
from import_export.formats.base_formats import CSV
from import_export.results import Error, Result
from import_export.tmp_storages import CacheStorage
from import_export.widgets import ForeignKeyWidget
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ImportForm

from learners.models import LearnerAttribute, User

COLUMNS: Final = ("learner", "name", "value")


class PersonWidget(ForeignKeyWidget):
    """A person by her user name, out of those that were read for the whole table."""

    people: Mapping[str, User] = {}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> User:
        try:
            return self.people[value]
        except KeyError as error:
            raise ValueError(_("learner: nobody is called %(name)s") % {"name": value}) from error


class LineError(Error):
    """What is wrong, without where in our code it was found: the page would show that to operators."""

    traceback = ""


class FileResult(Result):
    """Numbers rows as the file does, whose first line is the header."""

    def row_errors(self) -> list[tuple[int, list[Error]]]:
        return [(number + 1, errors) for number, errors in super().row_errors()]

    def append_invalid_row(self, number: int, row: Any, validation_error: ValidationError) -> None:
        super().append_invalid_row(number + 1, row, validation_error)


class AttributeResource(resources.ModelResource):
    """A table of user name, name of the attribute, and value; a row takes the place of an earlier one of that name.

    People and what was declared of them before are read once for the whole table, which is written at its end.
    """

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
        skip_unchanged = True
        use_bulk = True
        use_transactions = True

    @classmethod
    def get_result_class(cls) -> type[Result]:
        return FileResult

    @classmethod
    def get_error_result_class(cls) -> type[Error]:
        return LineError

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        missing = [name for name in COLUMNS if name not in (dataset.headers or ())]
        if missing:
            raise ValueError(_("Missing columns: %(names)s") % {"names": ", ".join(missing)})
        # PostgreSQL refuses to look for a null character; nobody is called so.
        names = {name for name in map(_strip, dataset["learner"]) if "\0" not in name}
        people = User.objects.in_bulk(names, field_name="username")
        self.fields["learner"].widget.people = people
        known = LearnerAttribute.objects.filter(learner__in=people.values())
        self.known = {
            (each.learner_id, each.name): each for each in known.select_related("learner")
        }

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        for name in COLUMNS:
            row[name] = _strip(row[name])

    def get_instance(self, instance_loader: Any, row: dict[str, Any]) -> LearnerAttribute | None:
        learner = self.fields["learner"].clean(row)
        return self.known.get((learner.pk, row["name"]))

    def validate_instance(
        self,
        instance: LearnerAttribute,
        import_validation_errors: dict[str, Any] | None = None,
        validate_unique: bool = True,
    ) -> None:
        errors = dict(import_validation_errors or {})
        try:
            # Without asking of each row whether there is such a learner, and whether she has an attribute of this name.
            instance.clean_fields(exclude={"learner", *errors})
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        super().validate_instance(instance, errors, validate_unique)

    def save_instance(
        self, instance: LearnerAttribute, is_create: bool, row: Any, **kwargs: Any
    ) -> None:
        if is_create:
            self.known[instance.learner_id, instance.name] = instance
        # Else it is one of a row before, and is written with that.
        if is_create or instance.pk is not None:
            super().save_instance(instance, is_create, row, **kwargs)


def _strip(cell: Any) -> str:
    return str(cell or "").strip()


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
    from_encoding = "utf-8-sig"  # as spreadsheets write it
    # The log would name each learner for good, also once she has left.
    skip_admin_log = True

    def get_import_formats(self) -> Sequence[Any]:
        return [CSV]

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

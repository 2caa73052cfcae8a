"""People and their accounts."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from learners.admin.base import ThroughService
from learners.models import User
from learners.services.accounts import end_tokens, erase_person

# Whoever works in the admin is let in by role; what she may do there, rules.py says.
_STAFF = frozenset({User.Role.AUTHOR, User.Role.OPERATOR})


class PasswordForm(AdminPasswordChangeForm):
    """An operator gives somebody another password, or none."""

    @transaction.atomic
    def save(self, commit: bool = True) -> User:
        person: User = super().save(commit)
        end_tokens(person=person)
        return person


@admin.register(User)
class PersonAdmin(UserAdmin, ThroughService):
    """People. The role decides who may enter the admin; deleting a person erases all that is stored of her."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = PasswordForm
    list_display = ("username", "email", "role", "is_active", "synthetic", "last_login")
    list_filter = ("role", "is_active", "synthetic")
    list_filter_submit = True
    search_fields = ("username", "email", "first_name", "last_name")
    readonly_fields = ("pseudonym", "synthetic", "last_login", "date_joined", "is_superuser")
    fieldsets = (
        (None, {"fields": ("username", "password", "role", "is_active")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email", "language")}),
        (
            _("Account"),
            {
                "fields": (
                    "pseudonym",
                    "synthetic",
                    "is_superuser",
                    "last_login",
                    "date_joined",
                )
            },
        ),
    )
    add_fieldsets = (
        (
            None,
            {"fields": ("username", "email", "role", "usable_password", "password1", "password2")},
        ),
    )
    filter_horizontal = ()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = obj.is_superuser or obj.role in _STAFF
        super().save_model(request, obj, form, change)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Nobody can take her own way back in away by a slip.
        own = ("role", "is_active") if obj is not None and obj.pk == request.user.pk else ()
        return (*self.readonly_fields, *own)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # An operator who could set a superuser's password would be one.
        guarded = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not guarded

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        guarded = obj is not None and obj.is_superuser and not request.user.is_superuser
        own = obj is not None and obj.pk == request.user.pk
        return super().has_delete_permission(request, obj) and not (guarded or own)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        erase_person(person=obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # One at a time: erasing cannot be undone, and the own account must not be among many.
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

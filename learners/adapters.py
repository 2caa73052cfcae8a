from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language
from knox.models import AuthToken


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up can be closed by the operator, and remembers the language that it was done in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.ACCOUNT_SIGNUP_ENABLED)

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        user.language = get_language() or ""
        return super().save_user(request, user, form, commit)

    def set_password(self, user: Any, password: str) -> None:
        """A changed or reset password ends the tokens: they may be in the hands that it was changed for."""
        super().set_password(user, password)
        AuthToken.objects.filter(user=user.pk).delete()

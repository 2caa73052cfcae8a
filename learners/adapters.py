"""What the library that signs people in leaves to the project."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from learners.services.accounts import end_tokens


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up can be closed and remembers the language that it was done in; a changed or reset password ends the tokens."""

    @property
    def sends_mail(self) -> bool:
        """False where mail is only printed to the log, as it is without a mail server."""
        return not settings.EMAIL_BACKEND.endswith("console.EmailBackend")

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.ACCOUNT_SIGNUP_ENABLED)

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        user.language = get_language() or ""
        return super().save_user(request, user, form, commit)

    @transaction.atomic
    def set_password(self, user: Any, password: str) -> None:
        super().set_password(user, password)
        end_tokens(person=user)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Add a message, but never that a mail was sent where none is."""
        claims_mail = message_template == "account/messages/email_confirmation_sent.txt"
        if claims_mail and not self.sends_mail:
            said = _("This site sends no mail, so no link to confirm the address can reach you.")
            super().add_message(request, messages.WARNING, message=said)
            return
        super().add_message(request, level, message_template, *args, **kwargs)

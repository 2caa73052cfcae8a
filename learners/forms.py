"""Forms of the account that differ from those of the library."""

from typing import Any

from allauth.account import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


class ResetPasswordForm(forms.ResetPasswordForm):
    """Asks for a link by mail, where mail is sent: a promise of one that nobody sends would keep her waiting."""

    NO_MAIL = _(
        "This site sends no mail, so no link can reach you. Ask whoever runs it to give you a new password."
    )

    @property
    def sends_mail(self) -> bool:
        """False where mail is only printed to the log, as it is without a mail server."""
        return not settings.EMAIL_BACKEND.endswith("console.EmailBackend")

    def clean(self) -> dict[str, Any]:
        if not self.sends_mail:
            raise ValidationError(self.NO_MAIL)
        return super().clean() or {}

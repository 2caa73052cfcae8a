"""Forms of the account that differ from those of the library."""

from typing import Any

from allauth.account import forms
from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


class LoginForm(forms.LoginForm):
    """Says what is asked for in its label; the page links to the forgotten password itself, once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.label = _("User name or email address")
        for field in (login, password):
            field.widget.attrs.pop("placeholder", None)
        password.help_text = ""


class ResetPasswordForm(forms.ResetPasswordForm):
    """Asks for a link by mail, where mail is sent: a promise of one that nobody sends would keep her waiting."""

    NO_MAIL = _(
        "This site sends no mail, so no link can reach you. Ask whoever runs it to give you a new password."
    )

    @property
    def sends_mail(self) -> bool:
        return bool(get_adapter().sends_mail)

    def clean(self) -> dict[str, Any]:
        if not self.sends_mail:
            raise ValidationError(self.NO_MAIL)
        return super().clean() or {}

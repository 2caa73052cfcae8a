"""A forgotten password: a link by mail where mail is sent, else the truth."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from knox.models import AuthToken

from learners.models import User

pytestmark = pytest.mark.django_db

RESET = "/accounts/password/reset/"


def test_the_link_resets_the_password_and_ends_the_tokens(alice: User, bob: User) -> None:
    for person in (alice, bob):
        AuthToken.objects.create(user=person)
    browser = Client()
    assert 'name="email"' in browser.get(RESET).content.decode()
    assert browser.post(RESET, {"email": alice.email}).status_code == 302
    (sent,) = mail.outbox
    link = next(word for word in sent.body.split() if "/accounts/password/" in word)
    form = browser.get(link, follow=True)
    new = {"password1": "quite another one", "password2": "quite another one"}
    assert browser.post(form.redirect_chain[-1][0], new).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("quite another one")
    assert [token.user for token in AuthToken.objects.all()] == [bob]


@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_without_a_mail_server_nothing_is_promised(
    alice: User, settings: Any, email: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    page = Client().get(RESET).content.decode()
    assert "This site sends no mail" in page
    assert 'name="email"' not in page
    refused = Client().post(RESET, {"email": email})
    assert refused.status_code == 200
    assert "This site sends no mail" in refused.content.decode()
    assert capsys.readouterr().out == ""

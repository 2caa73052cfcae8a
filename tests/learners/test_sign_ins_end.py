"""How sign-ins end: with another password, and when they have expired."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session as FormerSession
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from web_pages import sign_in

from learners.models import Session, User
from workers.tasks import prune

pytestmark = pytest.mark.django_db


def test_a_password_from_the_command_line_ends_the_tokens(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (alice, bob):
        AuthToken.objects.create(user=person)
    monkeypatch.setattr("getpass.getpass", lambda prompt="": "quite another one")
    said = call_command("changepassword", "alice")
    assert "successfully" in said
    alice.refresh_from_db()
    assert alice.check_password("quite another one")
    assert [token.user for token in AuthToken.objects.all()] == [bob]


def test_expired_sessions_and_tokens_are_pruned_and_no_others(alice: User, bob: User) -> None:
    now = timezone.now()
    sign_in(alice)
    Session.objects.update(expire_date=now - timedelta(seconds=1))
    browser = sign_in(bob)
    AuthToken.objects.create(user=alice, expiry=timedelta(seconds=-1))
    AuthToken.objects.create(user=bob)
    prune()
    assert [session.person for session in Session.objects.all()] == [bob]
    assert [token.user for token in AuthToken.objects.all()] == [bob]
    assert browser.get("/account/").status_code == 200
    assert not FormerSession.objects.exists()


@pytest.mark.parametrize(
    ("backend", "said"),
    [("locmem", "Confirmation email sent"), ("console", "This site sends no mail")],
)
def test_a_link_to_confirm_an_address_is_promised_where_mail_is_sent(
    alice: User, settings: Any, backend: str, said: str
) -> None:
    cache.clear()  # an address gets no second mail within minutes
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    browser: Client = sign_in(alice)
    added = {"action_add": "", "email": "alice@example.net"}
    answer = browser.post("/accounts/email/", added, follow=True)
    messages = [str(message) for message in answer.context["messages"]]
    assert len([one for one in messages if said in one]) == 1, messages

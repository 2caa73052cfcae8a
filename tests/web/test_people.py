"""Courses, progress, joining, the account; signing up and in."""

import json
import os
import subprocess
import sys
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout
from web_pages import text_of

from learners.api.throttles import AddressThrottle
from learners.models import User
from learners.services.events import record_attempt


@pytest.fixture(autouse=True)
def forget_tries() -> None:
    cache.clear()


def test_courses_show_how_far_she_is(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    record_attempt(actor=alice, item=algebra.items["letters-one"], uid=uuid.uuid4(), response="4")
    client = page(alice)
    assert "1 of 9 done" in text_of(client.get("/courses/"))
    tree = text_of(client.get("/courses/algebra/"))
    assert "1 of 9 done" in tree
    assert tree.count("mark done") == 1
    progress = text_of(client.get("/progress/"))
    assert "1 of 9 done" in progress
    assert "1 of 1 right" in progress
    assert "Answered right:" in progress


def test_others_do_not_see_the_course(page: Any, charlie: Any, group: Any) -> None:
    client = page(charlie)
    assert client.get("/courses/algebra/").status_code == 404
    assert "Algebra" not in text_of(client.get("/courses/"))
    for address in ("/courses/", "/progress/", "/account/", "/join/", "/account/export/"):
        assert page().get(address).headers["Location"].startswith("/accounts/login/")


def test_joining_by_code(page: Any, charlie: Any, group: Any) -> None:
    code = group.join_code
    typed = f" {code[:4].lower()}-{code[4:]} "
    body = text_of(page(charlie).post("/join/", {"code": typed}, follow=True))
    assert "Welcome to “Class 7b”." in body
    assert "Letters lesson" in body


def test_guessing_codes_as_many_people_is_slowed_down_by_address(
    page: Any, alice: Any, charlie: Any, group: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(AddressThrottle.THROTTLE_RATES, "join_address", "3/min")
    people = [page(alice), page(charlie), page(alice), page(charlie)]
    tries = [client.post("/join/", {"code": "WRONGONE"}).status_code for client in people]
    assert tries == [422, 422, 422, 429]


@pytest.mark.parametrize(
    "down", [RedisConnectionError("no route"), RedisTimeout("slow"), OSError()]
)
def test_joining_works_while_the_cache_is_down(
    page: Any, charlie: Any, group: Any, monkeypatch: pytest.MonkeyPatch, down: Exception
) -> None:
    asked = []

    def fail(*args: Any, **_kwargs: Any) -> None:
        asked.append(args)
        raise down

    client = page(charlie)
    monkeypatch.setattr(AddressThrottle.cache, "get", fail)
    assert client.post("/join/", {"code": group.join_code}).status_code == 302
    assert len(asked) == 2  # by person and by address


def test_a_mistake_in_counting_tries_is_not_taken_for_a_cache_that_is_down(
    page: Any, charlie: Any, group: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = page(charlie)
    monkeypatch.setitem(AddressThrottle.THROTTLE_RATES, "join", "many/min")
    with pytest.raises(ValueError, match="many"):
        client.post("/join/", {"code": group.join_code})


def test_guessing_codes_is_slowed_down(page: Any, charlie: Any, group: Any) -> None:
    client = page(charlie)
    answers = [client.post("/join/", {"code": "WRONGONE"}).status_code for _try in range(12)]
    assert answers[0] == 422
    assert answers[-1] == 429
    assert client.post("/join/", {"code": group.join_code}).status_code == 429
    assert not group.learners.filter(pk=charlie.pk).exists()


def test_a_language_is_kept_with_the_account(page: Any, alice: Any) -> None:
    page(alice).post("/account/language/", {"language": "zh-hans", "next": "/courses/"})
    alice.refresh_from_db()
    assert alice.language == "zh-hans"
    elsewhere = page(alice).get("/courses/")
    assert elsewhere.headers["Content-Language"] == "zh-hans"
    assert '<html lang="zh-hans">' in text_of(elsewhere)


@pytest.mark.parametrize("target", ["//evil.example/", "javascript:alert(1)", ""])
def test_the_language_switch_leads_nowhere_else(page: Any, db: None, target: str) -> None:
    response = page().post("/account/language/", {"language": "zh-hans", "next": target})
    assert response.headers["Location"] == "/"
    assert page().post("/account/language/", {"language": "xx"}).cookies == {}


def test_the_account_is_changed(page: Any, alice: Any) -> None:
    data = {"first_name": "Alice", "last_name": "<b>Liddell</b>", "language": "en"}
    body = text_of(page(alice).post("/account/", data, follow=True))
    assert "Saved." in body
    assert "&lt;b&gt;Liddell" in body


def test_the_export_holds_what_is_stored(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    record_attempt(actor=alice, item=algebra.items["letters-one"], uid=uuid.uuid4(), response="4")
    client = page(alice)
    client.get("/")
    response = client.get("/account/export/")
    assert "attachment" in response.headers["Content-Disposition"]
    data = json.loads(response.getvalue())
    assert data["learners"]["account"][0]["username"] == "alice"
    assert len(data["learners"]["events"]) == 1
    assert len(data["recommender"]["slates"]) == 1


def test_leaving_for_good_asks_for_the_name(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    assert client.post("/account/delete/", {"username": "bob"}).status_code == 422
    assert User.objects.filter(username="alice").exists()
    body = text_of(client.post("/account/delete/", {"username": "alice"}, follow=True))
    assert "has been erased" in body
    assert not User.objects.filter(username="alice").exists()


def test_signing_up_and_in_and_out(page: Any, db: None) -> None:
    client = page()
    password = "a rather long sentence"
    data = {
        "username": "dora",
        "email": "dora@example.org",
        "password1": password,
        "password2": password,
    }
    assert client.post("/accounts/signup/", data).headers["Location"] == "/"
    assert "Sign out?" in text_of(client.get("/accounts/logout/"))
    client.post("/accounts/logout/")
    assert "Welcome back" in text_of(client.get("/accounts/login/"))
    form = text_of(client.get("/accounts/login/"))
    assert form.count("Forgot your password?") == 1
    assert "User name or email address</label>" in form
    data = {"login": "dora@example.org", "password": password}
    assert client.post("/accounts/login/", data).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("variables", "verification", "told"),
    [
        ({}, "none", False),
        ({"EMAIL_HOST": "mail.invalid"}, "optional", True),
        ({"ACCOUNT_EMAIL_VERIFICATION": "optional"}, "optional", True),
    ],
)
def test_a_mail_is_only_spoken_of_where_one_is_sent(
    page: Any,
    db: None,
    settings: Any,
    variables: dict[str, str],
    verification: str,
    told: bool,
) -> None:
    names = ("EMAIL_HOST", "ACCOUNT_EMAIL_VERIFICATION")
    asked = "from config import settings; print(settings.ACCOUNT_EMAIL_VERIFICATION)"
    configured = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=settings.BASE_DIR,
        env={
            **{name: value for name, value in os.environ.items() if name not in names},
            "PYTHONPATH": str(settings.BASE_DIR / "platform"),
            **variables,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert configured.stdout.strip() == verification
    settings.ACCOUNT_EMAIL_VERIFICATION = verification
    data = {
        "username": "dora",
        "email": "dora@example.org",
        "password1": "a rather long sentence",
        "password2": "a rather long sentence",
    }
    body = text_of(page().post("/accounts/signup/", data, follow=True))
    assert ("dora@example.org" in body) is told
    assert bool(mail.outbox) is told


def test_a_forgotten_password(page: Any, alice: Any) -> None:
    client = page()
    client.post("/accounts/password/reset/", {"email": alice.email})
    assert len(mail.outbox) == 1
    link = next(word for word in mail.outbox[0].body.split() if "/accounts/password/" in word)
    form = client.get(link, follow=True)
    assert form.status_code == 200
    password = "another rather long one"
    data = {"password1": password, "password2": password}
    client.post(form.redirect_chain[-1][0], data)
    alice.refresh_from_db()
    assert alice.check_password(password)


def test_guessing_passwords_is_slowed_down(page: Any, alice: Any) -> None:
    client = page()
    for _try in range(5):
        client.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    right = {"login": "alice", "password": "correct horse battery"}
    assert "Too many failed login attempts" in text_of(client.post("/accounts/login/", right))
    assert "sessionid" not in client.cookies


def test_after_ten_wrong_passwords_the_door_is_shut(page: Any, alice: Any) -> None:
    client = page()
    for _try in range(10):
        cache.clear()  # the limit by minute forgets, the lockout in the database does not
        answer = client.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    assert answer.status_code == 429
    assert "Wait a quarter of an hour" in text_of(answer)
    cache.clear()
    right = {"login": "alice", "password": "correct horse battery"}
    assert client.post("/accounts/login/", right).status_code == 429
    assert "sessionid" not in client.cookies


@pytest.mark.parametrize(
    "address",
    ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere/"],
)
def test_pages_of_anonymous_people_share_the_design(page: Any, db: None, address: str) -> None:
    body = text_of(page().get(address))
    assert "css/tokens.css" in body
    assert 'class="skip-link"' in body


@pytest.mark.parametrize(
    "address", ["/accounts/email/", "/accounts/password/change/", "/accounts/logout/"]
)
def test_pages_of_the_account_share_the_design(page: Any, alice: Any, address: str) -> None:
    assert "css/tokens.css" in text_of(page(alice).get(address))


def test_markup_in_a_path_is_shown_as_text(page: Any, db: None) -> None:
    response = page().get("/<script>alert(1)</script>/")
    assert response.status_code == 404
    assert "<script>alert" not in text_of(response)

"""Tokens for programs: given for a password, refused after too many failures, gone after signing out."""

from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from knox.models import AuthToken
from rest_framework.test import APIClient
from web_pages import sign_in

from learners.api.throttles import AddressThrottle

pytestmark = pytest.mark.django_db

LOGIN, LOGOUT, ME = "/api/v1/auth/login/", "/api/v1/auth/logout/", "/api/v1/me/"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def nobody_tried_yet() -> None:
    cache.clear()


def login(username: str, password: str = PASSWORD) -> Any:
    return APIClient().post(LOGIN, {"username": username, "password": password}, format="json")


def test_a_token_opens_the_api_until_signing_out(alice: Any) -> None:
    response = login("alice")
    assert response.status_code == 200
    assert set(response.json()) == {"token", "expiry"}
    token = response.json()["token"]
    assert not AuthToken.objects.filter(digest=token).exists()  # stored as a hash only

    client = APIClient(HTTP_AUTHORIZATION=f"Token {token}")
    assert client.get(ME).json()["username"] == "alice"
    assert client.post(LOGOUT).status_code == 204
    assert client.get(ME).status_code == 401


def test_an_email_address_signs_in_too(alice: Any) -> None:
    assert login("alice@example.org").status_code == 200


def test_an_expired_token_is_refused(alice: Any) -> None:
    from datetime import timedelta

    _token, secret = AuthToken.objects.create(user=alice, expiry=-timedelta(seconds=1))
    assert APIClient(HTTP_AUTHORIZATION=f"Token {secret}").get(ME).status_code == 401


@pytest.mark.parametrize(("username", "password"), [("alice", "wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials_read_the_same(alice: Any, username: str, password: str) -> None:
    response = login(username, password)
    assert response.status_code == 401
    assert response.json()["error"]["message"] == "User name and password do not match."


def test_an_inactive_person_cannot_sign_in(person: Any) -> None:
    person("dora", is_active=False)
    assert login("dora").status_code == 401


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("value", ["a\0b", "", None, ["x"], {"a": 1}, "x" * 5_000])
def test_garbage_is_a_400(alice: Any, field: str, value: Any) -> None:
    body = {"username": "alice", "password": PASSWORD, field: value}
    response = APIClient().post(LOGIN, body, format="json")
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_ten_failures_lock_the_name_out_in_the_api_envelope(alice: Any) -> None:
    codes = [login("alice", "wrong").status_code for _attempt in range(10)]
    assert codes[:9] == [401] * 9
    locked = login("alice")
    assert locked.status_code == 429
    assert locked.json()["error"]["code"] == "throttled"
    assert int(locked["Retry-After"]) > 0


def test_tries_from_one_address_are_limited(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AddressThrottle.THROTTLE_RATES, "login", "2/min")
    assert [login(name).status_code for name in ("a", "b", "alice")] == [401, 401, 429]


def test_a_cache_that_is_down_keeps_nobody_out(alice: Any, settings: Any) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert login("alice").status_code == 200


def test_signing_out_ends_a_session_too(alice: Any) -> None:
    client = APIClient()
    client.force_login(alice)
    assert client.get(ME).status_code == 200
    assert client.post(LOGOUT).status_code == 204
    assert client.get(ME).status_code == 401


def test_signing_out_needs_somebody_signed_in() -> None:
    assert APIClient().post(LOGOUT).status_code == 401


def test_a_forged_header_is_no_new_address(
    alice: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setitem(AddressThrottle.THROTTLE_RATES, "login", "2/min")
    body = {"username": "a", "password": "b"}

    def codes(forwarded: str) -> list[int]:
        cache.clear()
        return [
            APIClient()
            .post(LOGIN, body, format="json", HTTP_X_FORWARDED_FOR=forwarded % number)
            .status_code
            for number in range(3)
        ]

    assert codes("192.0.2.%d") == [401, 401, 429]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert codes("192.0.2.%d, 198.51.100.7") == [401, 401, 429]
    assert codes("198.51.100.7, 192.0.2.%d") == [401, 401, 401]


@pytest.mark.parametrize("token", [b"x", b"\xe9", b"\x00", b"a b"])
def test_a_token_of_any_bytes_is_refused(db: None, token: bytes) -> None:
    # A header's bytes arrive as Latin-1 text.
    response = APIClient(HTTP_AUTHORIZATION=f"Token {token.decode('latin-1')}").get(ME)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "authentication_failed"


def test_a_new_password_ends_the_tokens(alice: Any, bob: Any) -> None:
    secret = login("alice").json()["token"]
    others = login("bob").json()["token"]
    browser = sign_in(alice)
    new = {
        "oldpassword": PASSWORD,
        "password1": "quite another one",
        "password2": "quite another one",
    }
    assert browser.post("/accounts/password/change/", new).status_code == 302
    assert APIClient(HTTP_AUTHORIZATION=f"Token {secret}").get(ME).status_code == 401
    assert APIClient(HTTP_AUTHORIZATION=f"Token {others}").get(ME).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {
            "password1": "quite another one",
            "password2": "quite another one",
            "usable_password": "true",
        },
        {"usable_password": "false", "unset-password": "on"},
    ],
)
def test_an_operator_s_change_ends_the_tokens_and_sessions(
    alice: Any, bob: Any, olga: Any, form: dict[str, str]
) -> None:
    secret, others = login("alice").json()["token"], login("bob").json()["token"]
    hers, desk = sign_in(alice), sign_in(olga)
    assert hers.get(ME).status_code == 200
    address = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert desk.post(address, form).status_code == 302
    assert APIClient(HTTP_AUTHORIZATION=f"Token {secret}").get(ME).status_code == 401
    assert APIClient(HTTP_AUTHORIZATION=f"Token {others}").get(ME).status_code == 200
    assert hers.get(ME).status_code == 401


def test_the_admin_sends_to_the_one_page_for_the_own_password(olga: Any) -> None:
    desk = sign_in(olga)
    sent = desk.get(reverse("admin:password_change"))
    assert (sent.status_code, sent["Location"]) == (302, "/accounts/password/change/")

"""What the tests of pages share."""

from typing import Any

from django.test import Client

HTMX = {"HX-Request": "true"}


def sign_in(person: Any | None = None) -> Client:
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())

"""Who comes to the admin: operators and authors get in, others are told, strangers sign in where everybody does."""

from typing import Any

import pytest
from web_pages import text_of


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_who_has_no_right_is_told_and_shown_the_way_home(
    page: Any, name: str, request: pytest.FixtureRequest
) -> None:
    response = page(request.getfixturevalue(name)).get("/admin/", follow=True)
    assert response.status_code == 403
    body = text_of(response)
    assert "This is not open to you" in body
    assert 'href="/"' in body
    assert "password" not in body


def test_a_stranger_signs_in_where_everybody_does(page: Any, db: None) -> None:
    client = page()
    response = client.get("/admin/recommender/trainingrun/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    assert "trainingrun" in response.redirect_chain[-1][0]


def test_an_operator_gets_in(page: Any, olga: Any) -> None:
    response = page(olga).get("/admin/")
    assert response.status_code == 200
    assert "Training runs" in text_of(response)

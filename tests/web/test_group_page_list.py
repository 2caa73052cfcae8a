"""The learners of a group as a list: searched, sorted, in pages of twenty, with and without scripts."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from web_pages import HTMX, text_of

from learners.models import LearnerState, Membership
from learners.services.events import record_attempt
from learners.services.groups import add_learner, create_group

ROW = re.compile(r'<th role="rowheader".*?<a [^>]*>(.*?)</a>', re.DOTALL)


def names(response: Any) -> list[str]:
    """The names in the list, from top to bottom."""
    assert response.status_code == 200
    return ROW.findall(text_of(response))


@pytest.fixture
def member(person: Any, group: Any) -> Callable[..., Any]:
    def make(username: str, **fields: str) -> Any:
        learner = person(username, **fields)
        add_learner(group=group, learner=learner)
        return learner

    return make


@pytest.fixture
def many(member: Any) -> list[Any]:
    return [member(f"learner{number:02}") for number in range(24)]


def test_the_list_has_pages_of_twenty(page: Any, bob: Any, group: Any, many: list[Any]) -> None:
    client, address = page(bob), f"/groups/{group.pk}/"
    first = client.get(address)
    assert len(names(first)) == 20
    assert "Page 1 of 2" in text_of(first)
    second = client.get(address, {"page": 2})
    assert len(names(second)) == 5
    assert sorted(names(first) + names(second)) == ["alice", *(one.username for one in many)]
    assert names(client.get(address, {"page": 99})) == names(second)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("lucia", ["Lucía Ferrer"]),
        ("LUCÍA fer", ["Lucía Ferrer"]),
        ("ferrer", ["Kaito Ferrer", "Lucía Ferrer"]),
        ("张伟", ["张伟"]),
        ("kai2", ["Kaito Ferrer"]),
        # "Ferrer" and "Kaito" are two words; only Chinese names are written as one.
        ("errerkai", []),
        ("100%_", []),
        ("  ", ["alice", "Kaito Ferrer", "Lucía Ferrer", "张伟"]),
    ],
)
def test_a_learner_is_found_by_name(
    page: Any, bob: Any, group: Any, member: Any, typed: str, found: list[str]
) -> None:
    member("kai2", first_name="Kaito", last_name="Ferrer")
    member("luz", first_name="Lucía", last_name="Ferrer")
    member("zw", first_name="伟", last_name="张")
    response = page(bob).get(f"/groups/{group.pk}/", {"q": typed, "sort": "name"})
    assert names(response) == found
    assert ("Nobody in this group is called" in text_of(response)) is (not found)


def test_the_list_is_sorted(
    page: Any, bob: Any, alice: Any, group: Any, algebra: SimpleNamespace, member: Any
) -> None:
    careful, away = member("cora"), member("wim")
    for learner, responses in ((alice, "777"), (careful, "474")):
        for response in responses:
            record_attempt(
                actor=learner,
                item=algebra.items["equations-one"],
                uid=uuid.uuid4(),
                response=response,
            )
    LearnerState.objects.filter(learner=careful).update(
        active_at=timezone.now() + timedelta(seconds=9)
    )
    Membership.objects.filter(learner=away).update(joined_at=timezone.now() - timedelta(days=9))
    address, client = f"/groups/{group.pk}/", page(bob)
    orders = {
        sort: names(client.get(address, {"sort": sort}))
        for sort in ("need", "name", "right", "done", "active")
    }
    assert orders == {
        "need": ["alice", "wim", "cora"],
        "name": ["alice", "cora", "wim"],
        "right": ["alice", "cora", "wim"],
        "done": ["alice", "wim", "cora"],
        "active": ["wim", "alice", "cora"],
    }
    assert names(client.get(address, {"sort": "luck"})) == orders["need"]


@pytest.mark.parametrize(
    "asked", [{"page": "x"}, {"page": "-1"}, {"page": "9" * 30}, {"q": "a\0b"}, {"q": "x" * 200}]
)
def test_nonsense_in_the_address_counts_as_not_given(
    page: Any, bob: Any, group: Any, asked: dict[str, str]
) -> None:
    assert names(page(bob).get(f"/groups/{group.pk}/", asked)) == ["alice"]


def test_htmx_gets_the_list_alone_and_a_clean_address(
    page: Any, bob: Any, group: Any, many: list[Any]
) -> None:
    client, address = page(bob), f"/groups/{group.pk}/"
    asked = {"q": "learner1", "sort": "need", "page": ""}
    answer = client.get(address, asked, headers={**HTMX, "HX-Trigger": "learner-search"})
    assert "<html" not in text_of(answer)
    assert len(names(answer)) == 10
    assert answer["HX-Replace-Url"] == f"{address}?q=learner1"
    assert "10 learners found." in text_of(answer)
    assert "autofocus" not in text_of(answer)  # she is typing
    turned = client.get(address, {"page": 2}, headers=HTMX)
    assert "autofocus" in text_of(turned)
    assert client.get(address, {"q": ""}, headers=HTMX)["HX-Replace-Url"] == address


def test_the_pages_of_a_search_stay_in_it(page: Any, bob: Any, group: Any, many: list[Any]) -> None:
    response = page(bob).get(f"/groups/{group.pk}/", {"q": "learner", "sort": "name"})
    assert "?q=learner&amp;sort=name&amp;page=2#learners" in text_of(response)


def test_who_needs_help_is_shown_until_somebody_is_looked_for(
    page: Any, bob: Any, group: Any
) -> None:
    client, address = page(bob), f"/groups/{group.pk}/"
    assert "Who needs help first" in text_of(client.get(address))
    assert "Who needs help first" not in text_of(client.get(address, {"q": "ali"}))


def test_a_longer_list_takes_no_more_queries(
    page: Any, bob: Any, group: Any, member: Any, django_assert_max_num_queries: Any
) -> None:
    client, address = page(bob), f"/groups/{group.pk}/"
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for number in range(30):
        member(f"learner{number:02}")
    with django_assert_max_num_queries(len(few)):
        client.get(address)


def test_an_empty_group_says_how_to_fill_it(page: Any, bob: Any) -> None:
    empty = create_group(teacher=bob, name="Empty")
    body = text_of(page(bob).get(f"/groups/{empty.pk}/"))
    assert "Nobody is in the group yet." in body
    assert "learner-search" not in body


def test_a_browser_that_goes_back_gets_the_page_not_the_part(
    page: Any, bob: Any, group: Any
) -> None:
    for headers in ({}, HTMX):
        answer = page(bob).get(f"/groups/{group.pk}/", headers=headers)
        assert "HX-Request" in answer.headers["Vary"]

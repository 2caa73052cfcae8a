"""The student's first page: what next, why, and feedback that is answered."""

import re
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from web_pages import HTMX, text_of

from learners.services.freshness import mark_dirty
from learners.services.groups import add_learner
from recommender.models import Feedback, Slate
from recommender.services.syllabus import store_first_slate


def newest(alice: Any) -> Slate:
    return Slate.objects.filter(learner=alice).latest("computed_at")


def test_next_shows_ranked_items_each_with_a_reason(page: Any, alice: Any, group: Any) -> None:
    body = text_of(page(alice).get("/"))
    cards = re.findall(r"<article.*?</article>", body, re.DOTALL)
    assert len(cards) == 8
    assert all("<li>" in card for card in cards)
    assert 'href="/items/letters-lesson/?slate=' in cards[0]
    assert f'data-slate="{newest(alice).pk}"' in body


def test_cards_below_the_first_rather_give_evidence_that_none_above_gave(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    def because(item: int, verb: str) -> dict[str, Any]:
        params = {"event": None, "verb": verb, "right": None, "at": None, "share": 0.5}
        return {"code": "history", "params": {**params, "item": item}}

    client = page(alice)
    client.get("/")
    slate = newest(alice)
    likely = {"code": "success", "params": {"probability": 0.7}}
    own, one, two = (slate.entries[place]["item"] for place in (3, -1, -2))
    titles = {item.pk: item.title for item in algebra.items.values()}
    given = [
        [because(one, "completed")],
        [likely, because(one, "rated"), because(two, "completed")],
        [because(two, "rated"), likely],
        [because(two, "completed"), because(own, "progressed")],
    ]
    for entry, reasons in zip(slate.entries, given, strict=False):
        entry["reasons"] = reasons
    slate.save()
    cards = re.findall(r"<article.*?</article>", text_of(client.get("/")), re.DOTALL)
    told = [re.sub(r"<[^>]+>", "", re.findall(r"<li>(.*?)</li>", card)[0]) for card in cards[:4]]
    assert told == [
        f"Because you finished “{titles[one]}”",
        f"Because you finished “{titles[two]}”",
        f"Because you rated “{titles[two]}”",
        "You started this",
    ]


def test_feedback_below_the_first_card_is_folded_without_a_script(
    page: Any, alice: Any, group: Any
) -> None:
    cards = re.findall(r"<article.*?</article>", text_of(page(alice).get("/")), re.DOTALL)
    assert "<details" not in cards[0]
    assert 'value="too_hard"' in cards[0]
    for card in cards[1:]:
        folded = re.search(r"<details[^>]*>\s*<summary>Feedback.*?</details>", card, re.DOTALL)
        assert folded is not None
        assert 'value="too_hard"' in folded[0]
        assert 'value="too_hard"' not in card.replace(folded[0], "")


def test_helpful_is_thanked_without_a_promise(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    client.get("/")
    data = {"signal": "helpful", "item": "letters-lesson"}
    body = text_of(client.post(f"/next/{newest(alice).pk}/feedback/", data, headers=HTMX))
    assert "It is good to know that this helped." in body
    assert Feedback.objects.get(learner=alice).signal == "helpful"


def test_feedback_by_script_is_confirmed_apart_from_the_list_and_waits_for_it(
    page: Any, alice: Any, group: Any
) -> None:
    client = page(alice)
    client.get("/")
    slate = newest(alice)
    response = client.post(
        f"/next/{slate.pk}/feedback/",
        {"signal": "too_hard", "item": "letters-lesson"},
        headers=HTMX,
    )
    # The card keeps its place with buttons that do nothing more; the confirmation goes beside the list.
    row, noted = text_of(response).split('<div id="noted" hx-swap-oob="innerHTML">')
    assert row.count("disabled") == 6
    assert "<form" not in row
    assert "Noted: “Too hard”" in noted
    assert "Letters lesson" in noted
    assert "Easier things will come." in noted
    assert f"after={slate.pk}" in noted
    said = Feedback.objects.get(learner=alice)
    assert said.signal == "too_hard"
    assert f'value="{said.uid}"' in noted


def test_the_confirmation_stays_and_says_that_the_newer_list_is_there(
    page: Any, alice: Any, group: Any
) -> None:
    client = page(alice)
    client.get("/")
    old = newest(alice)
    asked = {**HTMX, "HX-Target": "noted-state"}
    waiting = client.get("/", {"try": 1, "after": old.pk}, headers=asked)
    assert 'id="noted-state"' in text_of(waiting)
    store_first_slate(learner_id=alice.pk)
    alice.state.refresh_from_db()
    alice.state.clean_seq = alice.state.dirty_seq
    alice.state.save()
    renewed = text_of(client.get("/", {"try": 2, "after": old.pk}, headers=asked))
    assert 'hx-swap-oob="true">Your list has been updated.' in renewed
    # Said once: by the confirmation, which is read aloud itself.
    assert "data-announce" not in renewed


def test_the_list_of_one_course_stays_the_list_of_that_course(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    course = algebra.course.slug
    client = page(alice)
    body = text_of(client.get("/", {"course": course}))
    assert f'<input type="hidden" name="course" value="{course}">' in body
    slate = newest(alice)
    data = {"signal": "too_hard", "item": "letters-lesson", "course": course}
    given = text_of(client.post(f"/next/{slate.pk}/feedback/", data, headers=HTMX))
    assert f"after={slate.pk}&amp;course={course}" in given
    waiting = client.get("/", {"try": 3, "after": slate.pk, "course": course}, headers=HTMX)
    assert f"course={course}" in text_of(waiting)
    undone = client.post(
        "/attention/undo/",
        {
            "feedback": Feedback.objects.get(learner=alice).uid,
            "place": "next",
            "after": slate.pk,
            "course": course,
        },
        headers=HTMX,
    )
    assert f"course={course}" in text_of(undone)
    plain = client.post(f"/next/{slate.pk}/feedback/", {**data, "signal": "too_easy"})
    assert plain.headers["Location"].startswith(f"/?course={course}&noted=")


def test_the_page_asks_until_there_is_a_newer_list(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    client.get("/")
    old = newest(alice)
    waiting = client.get("/", {"try": 3, "after": old.pk}, headers=HTMX)
    assert "try=4" in text_of(waiting)
    assert "HX-Retarget" not in waiting.headers

    fresh = store_first_slate(learner_id=alice.pk)
    # As after a refresh: the new list has seen every change.
    alice.state.refresh_from_db()
    alice.state.clean_seq = alice.state.dirty_seq
    alice.state.save()
    renewed = client.get("/", {"try": 4, "after": old.pk}, headers=HTMX)
    assert renewed.headers["HX-Retarget"] == "#next-list"
    assert f'data-slate="{fresh.pk}"' in text_of(renewed)
    assert "Your list has been updated." in text_of(renewed)


def test_the_page_stops_asking(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    client.get("/")
    mark_dirty(learner_ids=[alice.pk])
    given_up = client.get("/", {"try": 12, "after": newest(alice).pk}, headers=HTMX)
    assert "hx-get" not in text_of(given_up)
    assert "Look again" in text_of(given_up)


def test_without_script_feedback_leads_back_to_the_list(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    client.get("/")
    response = client.post(
        f"/next/{newest(alice).pk}/feedback/",
        {"signal": "known", "item": "letters-lesson"},
        follow=True,
    )
    said = Feedback.objects.get(learner=alice)
    assert response.redirect_chain == [(f"/?noted={said.uid}", 302)]
    listed, noted = text_of(response).split('id="noted"')
    assert "letters-lesson" not in listed
    assert "Noted: “I know this”" in noted
    assert f'value="{said.uid}"' in noted

    undone = client.post("/attention/undo/", {"feedback": said.uid, "place": "next"}, follow=True)
    assert undone.redirect_chain == [("/", 302)]
    assert "as if you had never said it" in text_of(undone)
    assert "letters-lesson" in text_of(undone)
    # What was taken back is no longer confirmed, whoever goes back to that address.
    assert "Noted:" not in text_of(client.get("/", {"noted": said.uid}))


def test_nobody_reads_what_another_said(page: Any, alice: Any, charlie: Any, group: Any) -> None:
    client = page(alice)
    client.get("/")
    data = {"signal": "known", "item": "letters-lesson"}
    client.post(f"/next/{newest(alice).pk}/feedback/", data)
    add_learner(group=group, learner=charlie)
    uid = Feedback.objects.get(learner=alice).uid
    assert "Noted:" not in text_of(page(charlie).get("/", {"noted": uid}))


def test_what_is_refused_is_not_confirmed_and_waits_for_nothing(
    page: Any, alice: Any, group: Any
) -> None:
    client = page(alice)
    client.get("/")
    address = f"/next/{uuid.uuid4()}/feedback/"
    data = {"signal": "too_hard", "item": "letters-lesson"}
    listed, noted = text_of(client.post(address, data, headers=HTMX)).split('id="noted"')
    assert f'data-slate="{newest(alice).pk}"' in listed
    assert 'aria-pressed="true"' not in listed
    assert "This was not noted" in noted
    assert "Noted:" not in noted
    assert "hx-get" not in noted
    on_item = text_of(client.post(address, {**data, "place": "item"}, headers=HTMX))
    assert "This was not noted" in on_item
    assert "Undo" not in on_item
    plain = text_of(client.post(address, data, follow=True))
    assert "This was not noted" in plain
    assert not Feedback.objects.exists()


def test_the_page_looks_once_whether_something_happened_since(
    page: Any, alice: Any, group: Any
) -> None:
    client = page(alice)
    client.get("/")
    shown = newest(alice)
    alice.state.refresh_from_db()
    alice.state.clean_seq = alice.state.dirty_seq
    alice.state.save()
    look = {"look": 1, "try": 0, "after": shown.pk}
    assert "look=1" in text_of(client.get("/"))
    assert client.get("/", look, headers=HTMX).status_code == 204
    # What she did on the way back has arrived: the page waits for the list that knows of it.
    mark_dirty(learner_ids=[alice.pk])
    assert "try=1" in text_of(client.get("/", look, headers=HTMX))
    fresh = store_first_slate(learner_id=alice.pk)
    alice.state.refresh_from_db()
    alice.state.clean_seq = alice.state.dirty_seq
    alice.state.save()
    renewed = client.get("/", look, headers=HTMX)
    assert renewed.headers["HX-Retarget"] == "#next-list"
    assert f'data-slate="{fresh.pk}"' in text_of(renewed)


@pytest.mark.parametrize("signal", ["", "nice", "too_hard\x00"])
def test_unknown_feedback_is_refused(page: Any, alice: Any, group: Any, signal: str) -> None:
    client = page(alice)
    client.get("/")
    data = {"signal": signal, "item": "letters-lesson"}
    assert client.post(f"/next/{newest(alice).pk}/feedback/", data).status_code == 400
    assert not Feedback.objects.exists()


def test_nobody_gives_feedback_on_anothers_list(
    page: Any, alice: Any, charlie: Any, group: Any
) -> None:
    page(alice).get("/")
    data = {"signal": "too_hard", "item": "letters-lesson"}
    address = f"/next/{newest(alice).pk}/feedback/"
    refused = page(charlie).post(address, data, headers=HTMX)
    assert refused.headers["HX-Redirect"] == "/"
    assert page().post(address, data).status_code == 302
    assert not Feedback.objects.exists()


def test_the_list_is_narrowed_by_course(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    assert "Letters lesson" in text_of(client.get("/", {"course": "algebra"}))
    # A course of others is as good as none named.
    assert "Letters lesson" in text_of(client.get("/", {"course": "chemistry"}))


def test_who_is_in_no_course_is_asked_for_a_code(page: Any, charlie: Any) -> None:
    body = text_of(page(charlie).get("/"))
    assert 'name="code"' in body
    assert 'action="/join/"' in body


def test_anonymous_people_see_the_landing_page(page: Any, db: None) -> None:
    body = text_of(page().get("/"))
    assert "What to study next, and why." in body
    assert "/accounts/login/" in body
    assert "/accounts/signup/" in body


def test_a_teacher_sees_her_groups_and_an_operator_the_state_of_things(
    page: Any, bob: Any, olga: Any, group: Any
) -> None:
    assert "Class 7b" in text_of(page(bob).get("/"))
    body = text_of(page(olga).get("/"))
    assert "Operations" in body
    assert 'href="/admin/"' in body


@pytest.mark.parametrize("value", ["x", "-1", "9" * 40, "٣", "\x00"])
def test_any_number_of_tries_is_harmless(page: Any, alice: Any, group: Any, value: str) -> None:
    query = {"try": value, "after": value}
    assert page(alice).get("/", query, headers=HTMX).status_code == 200
    assert page(alice).get("/", {"try": 1, "after": uuid.uuid4()}).status_code == 200

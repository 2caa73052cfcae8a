"""The page "What counts for you", without scripts and with htmx; what teachers and operators see of it."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from web_pages import HTMX, text_of

from content.models import Item
from learners.services.events import NewEvent, record_events
from recommender.models import AttentionProfile, Feedback, Observation
from recommender.services.feedback import record_feedback
from recommender.services.recommendations import get_recommendations

URL = "/attention/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def refresh() -> Callable[[], Any]:
    from recommender.pipeline import active, catalogue, slates
    from recommender.pipeline.refresh import refresh_stale

    active.forget_active()
    catalogue.forget_catalogue()
    slates.forget_bound()
    return refresh_stale


@pytest.fixture
def said(alice: Any, group: Any, refresh: Callable[[], Any]) -> Feedback:
    """Alice has said of a lesson that it didn't help, and a worker has seen it."""
    feedback = record_feedback(
        learner_id=alice.pk,
        slate_id=get_recommendations(learner_id=alice.pk).slate,
        item_slug="letters-lesson",
        signal="not_helpful",
    )
    refresh()
    return feedback


def test_nothing_said_yet(alice: Any, group: Any, page: Callable[..., Client]) -> None:
    body = text_of(page(alice).get(URL))
    assert "Everything counts as for everybody" in body
    assert "Set it yourself" in body
    assert "What you said" not in body


def test_it_is_linked_where_it_is_looked_for(
    alice: Any, group: Any, page: Callable[..., Client]
) -> None:
    for address in ("/", "/progress/"):
        assert f'href="{URL}"' in text_of(page(alice).get(address))


def test_it_tells_what_moved_and_why(alice: Any, said: Any, page: Callable[..., Client]) -> None:
    body = text_of(page(alice).get(URL))
    assert "Counts less" in body
    assert "Counts more" not in body
    assert re.search(r"You said “not helpful” to “Letters lesson”: 0\.\d\d×", body)
    assert "is being worked in" not in body


def test_it_tells_what_she_did(
    alice: Any, group: Any, refresh: Callable[[], Any], page: Callable[..., Client]
) -> None:
    slate = get_recommendations(learner_id=alice.pk).slate
    item = Item.objects.get(slug="letters-lesson")
    event = NewEvent(
        uid=uuid.uuid4(), verb="abandoned", item_id=item.pk, occurred_at=timezone.now()
    )
    record_events(actor=alice, events=[event])
    refresh()
    assert Observation.objects.get().slate_uid == slate
    body = text_of(page(alice).get(URL))
    assert re.search(r"“Letters lesson”: you left it unfinished: 0\.\d\d×", body)
    assert "What you do with your list counts a little" in body
    assert "What you said" not in body
    page(alice).post(f"{URL}reset/")
    assert "you left it unfinished" not in text_of(page(alice).get(URL))


def test_undo(alice: Any, said: Feedback, page: Callable[..., Client]) -> None:
    answer = page(alice).post(f"{URL}undo/", {"feedback": str(said.uid)}, follow=True)
    assert "Taken back, as if you had never said it." in text_of(answer)
    said.refresh_from_db()
    assert said.withdrawn_at is not None


def test_undo_where_it_was_said(alice: Any, said: Feedback, page: Callable[..., Client]) -> None:
    form = {"feedback": str(said.uid), "place": "next", "after": str(said.slate_id)}
    body = text_of(page(alice).post(f"{URL}undo/", form, headers=HTMX))
    assert "Taken back" in body
    assert "Updating your list" in body
    assert "<html" not in body


@pytest.mark.parametrize("feedback", ["", "x", "\x00", str(uuid.uuid4())])
def test_undo_of_nothing(
    alice: Any, said: Feedback, page: Callable[..., Client], feedback: str
) -> None:
    answer = page(alice).post(f"{URL}undo/", {"feedback": feedback})
    assert answer.status_code == 400
    assert "You have said no such thing." in text_of(answer)


def test_nobody_undoes_for_another(
    charlie: Any, said: Feedback, page: Callable[..., Client]
) -> None:
    assert page(charlie).post(f"{URL}undo/", {"feedback": str(said.uid)}).status_code == 400
    said.refresh_from_db()
    assert said.withdrawn_at is None


def test_a_slider(alice: Any, said: Feedback, page: Callable[..., Client]) -> None:
    form = {"feature": "kind:lesson", "level": "1.5"}
    body = text_of(page(alice).post(f"{URL}set/", form, headers=HTMX))
    assert "It is set." in body
    assert "set by you" in body
    assert "2.83×" in body
    assert "is being worked in" in body
    profile = AttentionProfile.objects.get()
    assert profile.limits == {"kind:lesson": pytest.approx([2**1.5, 2**1.5])}
    form = {"feature": "kind:lesson", "release": "1"}
    assert "decides again" in text_of(page(alice).post(f"{URL}set/", form, follow=True))
    profile.refresh_from_db()
    assert profile.limits == {}


@pytest.mark.parametrize(
    "form",
    [
        {"feature": "kind:lesson", "level": "2.1"},
        {"feature": "kind:lesson", "level": "nan"},
        {"feature": "kind:lesson", "level": "much"},
        {"feature": "kind:lesson"},
        {"level": "1"},
        {"feature": "kind:\x00", "level": "1"},
        {"feature": "concept:nowhere", "level": "1"},
        {"feature": "x" * 200, "level": "1"},
    ],
)
def test_a_slider_that_was_made_up(
    alice: Any, said: Feedback, page: Callable[..., Client], form: dict[str, str]
) -> None:
    answer = page(alice).post(f"{URL}set/", form)
    assert answer.status_code == 400
    assert 'role="alert"' in text_of(answer)
    assert AttentionProfile.objects.get().limits == {}


def test_pause_and_reset(alice: Any, said: Feedback, page: Callable[..., Client]) -> None:
    client = page(alice)
    assert "Paused:" in text_of(client.post(f"{URL}pause/", {"paused": "1"}, follow=True))
    assert "Let it count again" in text_of(client.get(URL))
    assert "In effect again." in text_of(client.post(f"{URL}pause/", {"paused": "0"}, follow=True))
    body = text_of(client.post(f"{URL}reset/", follow=True))
    assert "as if you had never said anything" in body
    assert "What you said" not in body
    assert not Feedback.objects.filter(withdrawn_at=None).exists()


def test_the_page_waits_for_the_worker(
    alice: Any, said: Feedback, page: Callable[..., Client], refresh: Callable[[], Any]
) -> None:
    client = page(alice)
    client.post(f"{URL}pause/", {"paused": "1"})
    waiting = client.get(URL, {"try": "1"}, headers=HTMX)
    assert "try=2" in text_of(waiting)
    assert "HX-Retarget" not in waiting
    refresh()
    done = client.get(URL, {"try": "2"}, headers=HTMX)
    assert done["HX-Retarget"] == "#attention"
    assert "This page has been updated." in text_of(done)
    tired = text_of(client.get(URL, {"try": "99999999"}, headers=HTMX))
    assert "<html" not in tired


def test_it_needs_a_person(client: Client, db: None) -> None:
    assert client.get(URL).status_code == 302
    for part in ("set", "pause", "undo", "reset"):
        assert client.post(f"{URL}{part}/").status_code == 302


def test_her_teacher_sees_it_and_an_operator_sees_sums(
    alice: Any, bob: Any, olga: Any, group: Any, said: Feedback, page: Callable[..., Client]
) -> None:
    body = text_of(page(bob).get(f"/groups/{group.pk}/learners/{alice.pk}/"))
    assert "What counts for this learner" in body
    assert "Letters" in body.split("What counts for this learner")[1].split("</section>")[0]
    assert "attention/set" not in body
    sums = text_of(page(olga).get("/"))
    assert "Learners whose feedback counts" in sums
    assert "alice" not in sums

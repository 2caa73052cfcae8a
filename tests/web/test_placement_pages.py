"""Placement: a newcomer is offered a few questions, answers them one after the other without a script, and may leave."""

import re
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from web_pages import text_of

from content.models import Concept, Course, Item, Question
from learners.models import Event
from learners.services.assignments import give_assignment
from learners.services.groups import add_course, add_learner
from recommender.core.placement import MOST
from recommender.models import Feedback, Slate
from recommender.selectors.placement import FEWEST, find_offer, read_placement

PLACE = "/placement/algebra/"
API = "/api/v1/placement/"


@pytest.fixture(autouse=True)
def own_cache(settings: Any) -> None:
    """What is kept by a course's id must not come from a database made anew since, with the same ids."""
    default = settings.CACHES["default"]
    settings.CACHES = {"default": {**default, "KEY_PREFIX": f"attune-{uuid.uuid4().hex}"}}


def asked(body: str) -> str:
    """The exercise that the page leads to."""
    (slug,) = set(re.findall(r'href="/items/([a-z-]+)/\?placement=1">', body))
    return slug


def answer(client: Any, slug: str, *, right: bool = True) -> str:
    body = {"id": uuid.uuid4(), "answer-0": "4" if right else "5", "placement": "1"}
    return text_of(client.post(f"/items/{slug}/answer/", body))


def make_exercises(slug: str, count: int) -> Course:
    """A course of so many exercises (whose answer is 4) of one concept."""
    course = Course.objects.create(slug=slug, title=slug.capitalize())
    concept = Concept.objects.create(slug=slug, title=slug.capitalize())
    for number in range(count):
        item = Item.objects.create(
            course=course,
            slug=f"{slug}-{'abcdefghij'[number]}",
            title=f"{slug} {number}",
            kind="exercise",
            position=number,
        )
        item.concepts.add(concept)
        Question.objects.create(item=item, answer_type="number", key={"value": 4, "tolerance": 0})
    return course


def test_a_newcomer_is_placed(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    assert f'href="{PLACE}"' in text_of(client.get("/"))
    start = text_of(client.get(PLACE))
    assert f"At most {MOST} questions" in start
    slug = asked(start)
    assert slug.startswith("equations")  # in the middle of the course
    question = text_of(client.get(f"/items/{slug}/?placement=1"))
    assert 'name="placement" value="1"' in question
    graded = answer(client, slug, right=True)
    assert "Next question" in graded
    harder = asked(graded)
    assert harder != slug
    assert not harder.startswith("letters")
    assert "Go on" in text_of(client.get(PLACE))
    # They are answers like all others.
    assert list(Event.objects.values_list("item__slug", "verb", "success")) == [
        (slug, "answered", True)
    ]
    seen = {slug}
    while "Next question" in graded:
        slug = asked(graded)
        assert slug not in seen
        seen.add(slug)
        graded = answer(client, slug, right=False)
    assert "Your list is being made anew." in graded
    assert "There is nothing left to ask." in text_of(client.get(PLACE))
    assert PLACE not in text_of(client.get("/"))


def test_a_wrong_answer_leads_to_something_easier(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    slug = asked(text_of(client.get(PLACE)))
    assert asked(answer(client, slug, right=False)).startswith("letters")
    # Another try does not count: what she knew is what she answered first.
    again = text_of(client.get(PLACE))
    answer(client, slug, right=True)
    assert asked(text_of(client.get(PLACE))) == asked(again)


@pytest.mark.parametrize("why", ["known", "not_now", "banned", "unpublished"])
def test_what_she_should_not_meet_is_not_asked(
    why: str, page: Any, alice: Any, bob: Any, group: Any, algebra: SimpleNamespace
) -> None:
    client = page(alice)
    client.get("/")
    item = algebra.items[asked(text_of(client.get(PLACE)))]
    if why in Feedback.Signal.values:
        slate = Slate.objects.filter(learner=alice).latest("computed_at")
        client.post(f"/next/{slate.pk}/feedback/", {"item": item.slug, "signal": why})
    elif why == "banned":
        give_assignment(group=group, teacher=bob, rule="ban", items=[item])
    else:
        type(item).objects.filter(pk=item.pk).update(published=False)
    assert asked(text_of(client.get(PLACE))) != item.slug


@pytest.mark.parametrize(
    ("exercises", "last"),
    [(MOST + 1, "Those were all the questions."), (FEWEST, "The course has no other exercise")],
)
def test_the_last_answer_tells_whether_enough_is_known_or_the_course_is_out_of_exercises(
    exercises: int, last: str, page: Any, alice: Any, group: Any
) -> None:
    add_course(group=group, course=make_exercises("biology", exercises))
    client = page(alice)
    graded = text_of(client.get("/placement/biology/"))
    assert "so that your list begins" not in graded
    while "?placement=1" in graded:
        assert last not in graded
        graded = answer(client, asked(graded))
    assert last in graded


def test_a_finished_placement_does_not_hide_that_of_the_next_course(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    biology = make_exercises("biology", FEWEST)
    add_course(group=group, course=biology)
    client = page(alice)
    for name, item in algebra.items.items():
        if item.kind == "exercise":
            answer(client, name)
    placed = read_placement(learner_id=alice.pk, course_slug="algebra", now=timezone.now())
    assert placed is not None
    assert placed.finished
    body = text_of(client.get("/"))
    assert PLACE not in body
    assert 'href="/placement/biology/"' in body
    assert 'New to <span lang="en">Biology</span>?' in body


def test_whom_nothing_is_left_to_offer_costs_the_next_page_little(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    small, large = make_exercises("small", FEWEST), make_exercises("large", MOST + 2)
    client = page(alice)
    for course in (small, large):
        add_course(group=group, course=course)

    def offered(most: int, *courses: Course) -> str | None:
        with django_assert_max_num_queries(most):
            found = find_offer(learner_id=alice.pk, courses=courses, now=timezone.now())
        return found.slug if found else None

    assert offered(5, small, large) == "small"
    for item in small.items.all():
        answer(client, item.slug)
    assert offered(2, small) is None
    assert offered(5, small, large) == "large"
    for number, item in enumerate(large.items.all()[:MOST], 1):
        answer(client, item.slug)
        if number == 2:
            assert offered(20, large) == "large"  # where its exercises lie is looked up
            assert offered(6, large) == "large"  # and kept
    assert offered(1, large) is None
    assert offered(2, small, large) is None


def test_what_she_knows_already_is_no_reason_to_offer_a_placement(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    client = page(alice)
    client.get("/")
    slate = Slate.objects.filter(learner=alice).latest("computed_at")
    exercises = [name for name, item in algebra.items.items() if item.kind == "exercise"]
    answer(client, exercises[0])
    assert PLACE in text_of(client.get("/"))
    for name in exercises[1:]:
        client.post(f"/next/{slate.pk}/feedback/", {"item": name, "signal": "known"})
    assert "There is nothing left to ask." in text_of(client.get(PLACE))
    assert PLACE not in text_of(client.get("/"))


def test_who_repeats_an_exercise_moves_it_no_more_than_who_answers_it_once(
    api: Any, page: Any, alice: Any, charlie: Any, group: Any
) -> None:
    add_learner(group=group, learner=charlie)
    abilities = []
    for slug, times in (("once", 1), ("often", 6)):
        course = make_exercises(slug, FEWEST)
        add_course(group=group, course=course)
        exercise = course.items.all()[0].slug
        for _ in range(times):
            answer(page(charlie), exercise)
        answer(page(alice), exercise)
        abilities.append(api(alice).get(API, {"course": slug}).json()["ability"])
    assert abilities[0] == pytest.approx(abilities[1])


def test_the_api_asks_the_same(api: Any, page: Any, alice: Any, group: Any) -> None:
    body = api(alice).get(API, {"course": "algebra"}).json()
    assert body["item"]["slug"] == asked(text_of(page(alice).get(PLACE)))
    assert (body["finished"], body["answered"], body["at_most"]) == (False, 0, MOST)
    path = f"/api/v1/items/{body['item']['slug']}/attempts/"
    attempt = {"id": str(uuid.uuid4()), "response": 4}
    assert api(alice).post(path, attempt, format="json").status_code == 201
    after = api(alice).get(API, {"course": "algebra"}).json()
    assert after["answered"] == 1
    assert after["ability"] > body["ability"]
    assert after["standard_error"] < body["standard_error"]


def test_who_is_not_in_the_course_is_told_nothing_of_it(
    api: Any, page: Any, charlie: Any, group: Any
) -> None:
    assert page(charlie).get(PLACE).status_code == 404
    for course in ("algebra", "nowhere"):
        refused = api(charlie).get(API, {"course": course})
        assert refused.status_code == 400
        assert "course" in refused.json()["error"]["fields"]
    assert "course" in api(charlie).get(API).json()["error"]["fields"]
    assert api(None).get(API, {"course": "algebra"}).status_code == 401
    assert page(None).get(PLACE).status_code == 302

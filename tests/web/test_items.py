"""The page of an item: read it, answer it in place, take hints, mark it as done."""

import re
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from web_pages import HTMX, text_of

from content.models import Question
from learners.models import Event, ItemProgress

ANSWER = "/items/letters-one/answer/"


def test_a_right_answer_is_graded_in_place(page: Any, alice: Any, group: Any) -> None:
    response = page(alice).post(ANSWER, {"id": uuid.uuid4(), "answer-0": "4"}, headers=HTMX)
    body = text_of(response)
    assert body.strip().startswith('<div id="work"')
    assert "That&#x27;s right." in body or "That's right." in body
    assert "It is four." in body
    event = Event.objects.get(actor=alice)
    assert (event.verb, event.success, event.graded) == ("answered", True, True)


def test_a_wrong_answer_can_be_tried_again(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    body = text_of(client.post(ANSWER, {"id": uuid.uuid4(), "answer-0": "5"}, headers=HTMX))
    assert "Not quite." in body
    assert "Not yet." not in body  # said once
    assert "Try again" in body
    again = client.get("/items/letters-one/", headers={**HTMX, "HX-Target": "work"})
    assert "Check my answer" in text_of(again)
    assert "HX-Request" in again.headers["Vary"]  # or going back would show this part as the page


def test_it_works_without_script(page: Any, alice: Any, group: Any) -> None:
    body = text_of(page(alice).post(ANSWER, {"id": uuid.uuid4(), "answer-0": "4"}))
    assert "<!doctype html>" in body
    assert "It is four." in body


def test_reloading_the_result_is_one_attempt(page: Any, alice: Any, group: Any) -> None:
    client, data = page(alice), {"id": uuid.uuid4(), "answer-0": "5"}
    client.post(ANSWER, data)
    assert "Not quite." in text_of(client.post(ANSWER, data))
    assert ItemProgress.objects.get(learner=alice).attempts == 1


def test_hints_come_one_by_one_and_are_counted(page: Any, alice: Any, group: Any) -> None:
    client = page(alice)
    address = "/items/letters-one/"
    assert "Use your fingers." not in text_of(client.get(address))
    hints = client.get(address, {"hints-0": 1}, headers={**HTMX, "HX-Target": "hints-0"})
    assert "Use your fingers." in text_of(hints)
    assert 'name="hints-0" value="1"' in text_of(hints)
    assert "Use your fingers." in text_of(client.get(address, {"hints-0": 1}))
    client.post(ANSWER, {"id": uuid.uuid4(), "answer-0": "4", "hints-0": "1"})
    assert Event.objects.get(actor=alice).context == {"hints": 1}


@pytest.mark.parametrize("answer", ["", "   ", "four", "\x00", "9" * 2000])
def test_what_cannot_be_graded_is_said_at_the_question(
    page: Any, alice: Any, group: Any, answer: str
) -> None:
    response = page(alice).post(ANSWER, {"id": uuid.uuid4(), "answer-0": answer})
    assert response.status_code == 422
    assert 'id="error-0"' in text_of(response)
    assert not Event.objects.exists()


def test_a_quiz_is_answered_as_a_whole(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    quiz = algebra.items["letters-two"]
    quiz.kind = "quiz"
    quiz.save()
    options = {"options": [{"text": "no", "correct": False}, {"text": "yes", "correct": True}]}
    Question.objects.create(item=quiz, position=1, answer_type="choice", key=options)
    Question.objects.create(item=quiz, position=2, answer_type="choices", key=options)
    client, address = page(alice), "/items/letters-two/answer/"

    missing = client.post(address, {"answer-0": "4", "answer-2": "1"})
    assert 'id="error-1"' in text_of(missing)
    assert not Event.objects.exists()

    graded = client.post(address, {"answer-0": "4", "answer-1": "0", "answer-2": ["1"]})
    assert "2 of 3 right." in text_of(graded)
    event = Event.objects.get(actor=alice)
    assert event.response == ["4", 0, [1]]
    assert event.success is False


def test_each_tick_is_marked_and_what_was_not_chosen_is_not(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    question = algebra.items["letters-two"].questions.get()
    question.answer_type = "choices"
    question.key = {
        "options": [
            {"text": "two", "correct": True},
            {"text": "four", "correct": False},
            {"text": "three", "correct": True},
            {"text": "six", "correct": False},
        ]
    }
    question.save()
    data = {"id": uuid.uuid4(), "answer-0": ["0", "1"]}
    body = text_of(page(alice).post("/items/letters-two/answer/", data, headers=HTMX))
    labels = re.findall(r'<label class="choice( is-\w+)?">(.*?)</label>', body, re.DOTALL)
    assert [marked.strip() for marked, _inner in labels] == ["is-right", "is-wrong", "", ""]
    # Colour alone says nothing to some.
    assert ">right<" in re.sub(r"<svg.*?</svg>", "", labels[0][1], flags=re.DOTALL)
    assert ">wrong<" in re.sub(r"<svg.*?</svg>", "", labels[1][1], flags=re.DOTALL)
    assert "choice-mark" not in labels[2][1] + labels[3][1]


def test_ticks_that_could_not_be_graded_are_not_marked(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    quiz = algebra.items["letters-two"]
    quiz.kind = "quiz"
    quiz.save()
    options = {"options": [{"text": "no", "correct": False}, {"text": "yes", "correct": True}]}
    Question.objects.create(item=quiz, position=1, answer_type="choices", key=options)
    response = page(alice).post("/items/letters-two/answer/", {"answer-1": ["0", "1"]})
    assert response.status_code == 422
    assert "choice-mark" not in text_of(response)


def test_the_key_is_not_on_the_page(page: Any, alice: Any, group: Any) -> None:
    body = text_of(page(alice).get("/items/letters-one/"))
    assert "It is four." not in body
    assert "tolerance" not in body


def test_a_lesson_is_marked_as_done_with_its_attention(page: Any, alice: Any, group: Any) -> None:
    data = {"id": uuid.uuid4(), "duration": "41.5"}
    body = text_of(page(alice).post("/items/letters-lesson/done/", data, headers=HTMX))
    assert "Done." in body
    assert "Letters one" in body  # what comes next
    event = Event.objects.get(actor=alice)
    assert (event.verb, event.duration) == ("completed", 41.5)


@pytest.mark.parametrize("duration", ["", "-3", "nan", "inf", "1e9", "long"])
def test_an_impossible_attention_is_unknown(
    page: Any, alice: Any, group: Any, duration: str
) -> None:
    page(alice).post("/items/letters-lesson/done/", {"duration": duration})
    assert Event.objects.get(actor=alice).duration is None


def test_markup_in_a_title_is_shown_as_text(
    page: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    lesson = algebra.items["letters-lesson"]
    lesson.title = "<script>alert(1)</script>"
    lesson.body = "<img src=x onerror=alert(1)>"
    lesson.save()
    body = text_of(page(alice).get("/items/letters-lesson/"))
    assert "<script>alert" not in body
    assert "<img src=x" not in body


def test_focus_mode_needs_no_script(page: Any, alice: Any, group: Any) -> None:
    body = text_of(page(alice).get("/items/letters-lesson/", {"focus": 1}))
    assert 'class="focused"' in body
    assert "Leave focus" in body


def test_people_who_must_not_get_in(page: Any, charlie: Any, group: Any) -> None:
    assert page(charlie).get("/items/letters-one/").status_code == 404
    assert page(charlie).post(ANSWER, {"answer-0": "4"}).status_code == 404
    assert page(charlie).post("/items/letters-lesson/done/").status_code == 404
    anonymous = page().get("/items/letters-one/")
    assert anonymous.headers["Location"] == "/accounts/login/?next=/items/letters-one/"
    assert page().post(ANSWER, {"answer-0": "4"}).status_code == 302
    assert not Event.objects.exists()


def test_her_teacher_sees_a_preview_and_answers_nothing(page: Any, bob: Any, group: Any) -> None:
    body = text_of(page(bob).get("/items/letters-one/"))
    assert "A preview" in body
    assert "Check my answer" not in body
    assert page(bob).post(ANSWER, {"answer-0": "4"}).status_code == 404


def test_a_video_is_sent_in_pieces_to_those_who_study_it(
    page: Any, alice: Any, charlie: Any, group: Any, algebra: Any, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "clip.mp4").write_bytes(bytes(range(100)))
    lesson = algebra.items["letters-lesson"]
    lesson.kind, lesson.file, lesson.body = "video", "clip.mp4", "What is said."
    lesson.save()
    address, client = "/items/letters-lesson/file/", page(alice)
    assert "Transcript" in text_of(client.get("/items/letters-lesson/"))
    whole = client.get(address)
    assert (whole.status_code, len(whole.getvalue())) == (200, 100)
    piece = client.get(address, headers={"Range": "bytes=10-19"})
    assert (piece.status_code, piece.getvalue()) == (206, bytes(range(10, 20)))
    assert piece.headers["Content-Range"] == "bytes 10-19/100"
    assert client.get(address, headers={"Range": "bytes=-5"}).getvalue() == bytes(range(95, 100))
    assert client.get(address, headers={"Range": "bytes=500-"}).status_code == 416
    assert page(charlie).get(address).status_code == 404
    lesson.file = "../../etc/passwd"
    lesson.save()
    assert client.get(address).status_code == 404

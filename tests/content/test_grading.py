"""Grading: every answer type, and no response that breaks it."""

from typing import Any

import pytest
from content_samples import CHOICE, CHOICES, NUMBER, SECRETS, TEXT
from hypothesis import given
from hypothesis import strategies as st

from content.grading import InvalidResponse, grade, grade_question, public_question
from content.keys import InvalidKey, validate_key
from content.models import Item, Question


def question(answer_type: str, **key: Any) -> Question:
    return Question(answer_type=answer_type, key=validate_key(answer_type, key))


def is_right(answer_type: str, response: Any, **key: Any) -> bool:
    return grade_question(question(answer_type, **key), response).correct


def test_right_choice(exercise: Item) -> None:
    outcome = grade(exercise, 1)
    assert (outcome.correct, outcome.score, outcome.feedback) == (True, 1.0, "Right.")
    assert outcome.explanation == "SECRET-EXPLANATION because"
    assert "<p>SECRET-EXPLANATION because</p>" in outcome.explanation_html


def test_wrong_choice_brings_the_feedback_of_that_option(exercise: Item) -> None:
    outcome = grade(exercise, 0)
    assert (outcome.correct, outcome.score) == (False, 0.0)
    assert outcome.feedback == "SECRET-FEEDBACK Lyon lies further south."
    assert grade(exercise, 2).feedback == "Not yet."


@pytest.mark.parametrize("response", [3, -1, True, 1.0, "1", None, [1], {}])
def test_choice_refuses_what_is_no_option(exercise: Item, response: Any) -> None:
    with pytest.raises(InvalidResponse) as refused:
        grade(exercise, response)
    assert refused.value.field == "response"


@pytest.mark.parametrize(
    ("response", "score"),
    [([0, 2], 1.0), ([2, 0], 1.0), ([0], 0.5), ([0, 1, 2], 0.5), ([1], 0.0), ([0, 1], 0.0)],
)
def test_choices_need_all_right_ones_and_no_other(response: list[int], score: float) -> None:
    outcome = grade_question(Question(answer_type="choices", key=CHOICES["key"]), response)
    assert (outcome.score, outcome.correct) == (score, score == 1)
    assert ("Three is odd" in outcome.feedback) == (1 in response)


@pytest.mark.parametrize(
    "typed",
    [
        *(1234.5, "1234.5", "1234,5", "1 234.5", "1 234,5", "1\u202f234,5", "1,234.5"),
        *("1.234,5", "1'234.5", "1.2345e3", " 1234.50 ", "1234.5 kg", "1234.5kg", "2469/2"),
        *("１２３４．５", "+1234.5"),
    ],
)
def test_numbers_as_people_write_them(typed: Any) -> None:
    assert is_right("number", typed, value=1234.5, unit="kg")


def test_a_comma_before_three_digits_is_read_both_ways() -> None:
    assert is_right("number", "1,234", value=1234)
    assert is_right("number", "1,234", value=1.234)
    assert not is_right("number", "1.234", value=1234)


@pytest.mark.parametrize(("typed", "right"), [("3.55", True), ("3.45", True), ("3.551", False)])
def test_tolerance_includes_its_ends_exactly(typed: str, right: bool) -> None:
    # In binary floats 3.55 - 3.5 is more than 0.05.
    assert is_right("number", typed, value=3.5, tolerance=0.05) is right


def test_typographic_minus_and_wrong_sign() -> None:
    assert is_right("number", "−7", value=-7)
    outcome = grade_question(question("number", value=-7), "7")
    assert not outcome.correct
    assert outcome.feedback == "Not yet: check the sign."


@pytest.mark.parametrize(
    "response",
    [
        *(
            "",
            "abc",
            "1e99999",
            "nan",
            "Infinity",
            "1/0",
            "5²",
            "½",
            "0x10",
            "1_000",
            "--1",
            "9" * 99,
        ),
        *(
            float("nan"),
            float("inf"),
            pytest.param(10**5000, id="huge"),
            True,
            None,
            [1],
            {"value": 1},
            "1\0",
            "\ud800",
        ),
    ],
)
def test_number_refuses_what_is_none(response: Any) -> None:
    with pytest.raises(InvalidResponse):
        is_right("number", response, value=1)


@pytest.mark.parametrize(
    ("typed", "accepted", "right"),
    [
        ("  Photo   Synthesis ", "photo synthesis", True),
        ("photosynthesis", "photo synthesis", False),
        ("ÅNGSTRÖM", "A\u030angstro\u0308m", True),
        ("STRASSE", "Straße", True),
        ("x ^ 2 + 1", "x^2+1", True),
        ("x²+1", "x^2 + 1", True),
        ("x¹²", "x^12", True),
        ("x2+1", "x^2+1", False),
        ("5 − x", "5-x", True),
        ("2·x = 4", "2*x=4", True),
        ("don’t", "don't", True),
        ("光合作用", "光合作用", True),
    ],
)
def test_text_is_compared_by_its_normal_form(typed: str, accepted: str, right: bool) -> None:
    assert is_right("text", typed, accepted=[accepted]) is right


def test_case_counts_only_where_it_is_said_to() -> None:
    assert is_right("text", "having", accepted=["HAVING"])
    assert not is_right("text", "having", accepted=["HAVING"], case_sensitive=True)


def test_quiz_is_right_when_all_of_it_is(quiz: Item) -> None:
    right = grade(quiz, [[0, 2], "987654,25", "ångström"])
    assert (right.correct, right.score, right.feedback) == (True, 1.0, "3 of 3 right.")
    partly = grade(quiz, [[0], 987654, "somebody"])
    assert (partly.correct, partly.score) == (False, 0.5)
    assert [part.correct for part in partly.parts] == [False, True, False]
    assert partly.explanation == "**1.** SECRET-EXPLANATION halves"


def test_quiz_names_the_answer_that_is_invalid(quiz: Item) -> None:
    with pytest.raises(InvalidResponse) as refused:
        grade(quiz, [[0], "much", "x"])
    assert refused.value.field == "response.1"
    for response in ([], [[0], 1], "abc", None, {"0": 1}):
        with pytest.raises(InvalidResponse):
            grade(quiz, response)


def test_a_lesson_asks_nothing(lesson: Item) -> None:
    with pytest.raises(InvalidResponse):
        grade(lesson, 0)


def test_a_damaged_key_is_an_invalid_response_too() -> None:
    with pytest.raises(InvalidResponse, match="cannot be graded"):
        grade_question(Question(answer_type="choice", key={"options": "lost"}), 0)


def test_public_question_has_nothing_of_the_key(quiz: Item, exercise: Item) -> None:
    for asked in [*quiz.questions.all(), *exercise.questions.all()]:
        shown = str(public_question(asked))
        assert not [secret for secret in SECRETS if secret in shown]
        assert "correct" not in shown
        assert "tolerance" not in shown
    options = public_question(exercise.questions.get())["options"]
    assert [option["text"] for option in options] == ["Lyon", "Paris", "Nice"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children),
)
QUESTIONS = [
    question(data["answer_type"], **data["key"]) for data in (CHOICE, CHOICES, NUMBER, TEXT)
]


@given(response=json_values, asked=st.sampled_from(QUESTIONS))
def test_any_json_is_graded_or_refused(response: Any, asked: Question) -> None:
    try:
        outcome = grade_question(asked, response)
    except InvalidResponse:
        return
    assert 0 <= outcome.score <= 1
    assert outcome.correct == (outcome.score == 1)


typed_numbers = st.text(alphabet="0123456789.,+-−eE/ '\u00a0kg²½", max_size=60)


@given(typed=typed_numbers | st.text(max_size=60))
def test_any_text_is_a_number_or_refused(typed: str) -> None:
    for asked in (QUESTIONS[2], QUESTIONS[3]):
        try:
            grade_question(asked, typed)
        except InvalidResponse:
            continue


@given(
    key=json_values
    | st.dictionaries(st.sampled_from(["options", "value", "accepted"]), json_values)
)
def test_any_json_is_a_key_or_refused(key: Any) -> None:
    for answer_type in ("choice", "choices", "number", "text", "riddle"):
        try:
            stored = validate_key(answer_type, key)
        except InvalidKey as error:
            assert error.errors
        else:
            assert validate_key(answer_type, stored) == stored


@pytest.mark.parametrize(
    ("answer_type", "key", "message"),
    [
        ("choice", {"options": [{"text": "a"}, {"text": "b"}]}, "no right option"),
        (
            "choice",
            {"options": [{"text": "a", "correct": True}, {"text": "b", "correct": True}]},
            "2 right options",
        ),
        ("choice", {"options": [{"text": "a", "correct": True}] * 2}, "same option twice: a"),
        ("choice", {"options": [{"text": "a\0", "correct": True}, {"text": "b"}]}, "NUL"),
        ("number", {"value": "three"}, "value must be a number"),
        ("number", {"value": float("inf")}, "finite"),
        pytest.param("number", {"value": 10**400}, "value", id="huge"),
        ("number", {"value": 1, "tolerance": -1}, "at least 0"),
        ("text", {"accepted": []}, "at least 1"),
        ("text", {"accepted": ["\ud800"]}, "accepted.0"),
        ("text", {"accepted": ["a"], "acepted": ["b"]}, "acepted is not a known field"),
    ],
)
def test_keys_that_nothing_could_be_graded_by(answer_type: str, key: Any, message: str) -> None:
    with pytest.raises(InvalidKey, match=message):
        validate_key(answer_type, key)

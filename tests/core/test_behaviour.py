"""What behaviour says: by how far it is from what was to be expected, and on the whole nothing."""

import pytest

from recommender.core.behaviour import of_answer, of_attention, of_ending, of_rating, usual_rating
from recommender.core.reweighting import STRENGTHS


def test_endings_of_opposite_signs_expect_nothing_together() -> None:
    for finishes, left in ((0, 0), (3, 40), (900, 2)):
        finish = of_ending(finished=True, finishes=finishes, abandonments=left)
        leave = of_ending(finished=False, finishes=finishes, abandonments=left)
        assert (finish[0], leave[0]) == ("completed", "abandoned")
        assert finish[1] + leave[1] == pytest.approx(1)
        rate = leave[1]
        assert rate * finish[1] - (1 - rate) * leave[1] == pytest.approx(0)


def test_answers_are_as_surprising_as_they_were_improbable() -> None:
    assert of_answer(right=True, predicted=0.9) == (
        "answered_right_unexpected",
        pytest.approx(0.1),
    )
    assert of_answer(right=False, predicted=0.9) == ("answered_wrong_unexpected", 0.9)


@pytest.mark.parametrize(
    ("seconds", "signal", "surprise"),
    [
        (200, "attention_long", 0.5),
        (400, "attention_long", 1.0),
        (90_000, "attention_long", 1.0),
        (199, "attention_long", 0.0),
        (51, "attention_short", 0.0),
        (50, "attention_short", 0.5),
        (1, "attention_short", 1.0),
    ],
)
def test_attention_times_from_twice_or_half_the_median_on(
    seconds: float, signal: str, surprise: float
) -> None:
    assert of_attention(seconds, usual=100, timed=5) == (signal, pytest.approx(surprise))


def test_without_a_median_no_time_says_anything() -> None:
    assert of_attention(400, usual=100, timed=4) is None
    assert of_attention(400, usual=None, timed=0) is None
    assert of_attention(0, usual=100, timed=50) is None


def test_ratings_are_measured_by_their_item_and_their_learner() -> None:
    usual = usual_rating(total=95 * 0.9, count=95)
    assert usual == pytest.approx(0.88)
    assert of_rating(0.8, usual=usual, before=0, surplus=0) == (
        "rated_high",
        pytest.approx(-0.08),
    )
    # One who always rates low says nothing by rating low once more.
    assert of_rating(0.2, usual=0.5, before=95, surplus=-95 * 0.3)[1] == pytest.approx(
        -0.3 + 95 * 0.3 / 100
    )
    assert of_rating(0.0, usual=0.1, before=5, surplus=-4) == ("rated_low", 0.0)
    assert of_rating(0.5, usual=usual_rating(0, 0), before=0, surplus=0) == ("rated_mid", 0.0)


def test_every_signal_has_a_strength() -> None:
    from recommender.core import behaviour

    ratings = [behaviour.of_rating(r, usual=0.5, before=0, surplus=0)[0] for r in (0, 0.5, 1)]
    endings = [of_ending(finished=f, finishes=1, abandonments=1)[0] for f in (True, False)]
    answers = [of_answer(right=right, predicted=0.5)[0] for right in (True, False)]
    assert {*ratings, *endings, *answers, "reopened", "attention_long", "attention_short"} <= {
        *STRENGTHS
    }

"""How well memory predicts, told by a command: on this installation's answers, and on simulated ones."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from learners.memory import DEFAULTS
from learners.models import Group
from learners.services.events import NewEvent, record_events
from recommender.pipeline.memory_fit import cut, list_review_times, list_reviews, predict
from recommender.pipeline.memory_study import TO_FIT
from recommender.pipeline.simulated_reviews import simulate_defaults, simulate_reviews
from recommender.simulation.world import SHIPPED, load_world

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
WORLD = SHIPPED / "fading.json"


def test_on_the_answers_of_this_installation(
    alice: Any, group: Group, algebra: SimpleNamespace, tmp_path: Path, capsys: Any
) -> None:
    """Alice forgets everything within a week: what the defaults promise, and her own share, is then told beside it."""
    begin = datetime.now(UTC) - 200 * DAY
    events = [
        NewEvent(
            uuid.uuid4(),
            "answered",
            algebra.items[slug].pk,
            begin + number * 10 * DAY,
            success=number % 4 == 0,
            graded=True,
        )
        for slug in ("letters-one", "equations-one")
        for number in range(20)
    ]
    record_events(actor=alice, events=events)
    out = tmp_path / "memory.json"
    call_command("evaluate_memory", "--json", str(out))
    (part,) = json.loads(out.read_text())["parts"]
    assert part["synthetic"] == 0
    everyone = part["everyone"]
    # 38 reviews, of which the newest fifth is looked at: one each on the last four days.
    assert (everyone["learners"], everyone["reviews"]) == (1, 8)
    own, defaults = (everyone["models"][name]["metrics"] for name in ("own share", "defaults"))
    assert own["log_loss"]["value"] < defaults["log_loss"]["value"]
    assert everyone["models"]["own share"]["diff"]["log_loss"]["high"] < 0
    bins = everyone["models"]["defaults"]["calibration"]
    assert sum(each["answers"] for each in bins) == 8
    assert part["fitted"] is None
    printed = capsys.readouterr().out
    assert "| defaults |" in printed
    assert f"Nobody has the {TO_FIT} reviews" in printed


def test_on_simulated_reviews_beside_the_truth(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "memory.json"
    call_command(
        "evaluate_memory",
        "--simulated",
        "--world",
        str(WORLD),
        "--learners",
        "1",
        "--json",
        str(out),
    )
    (part,) = json.loads(out.read_text())["parts"]
    assert part["data"] == "simulated: fading"
    fitted = part["fitted"]
    assert fitted["learners"] == 1
    assert set(fitted["models"]) == {"own share", "defaults", "fitted", "served", "truth"}
    loss = {name: each["metrics"]["log_loss"]["value"] for name, each in fitted["models"].items()}
    assert max(loss["truth"], loss["fitted"]) < loss["defaults"]
    assert fitted["in_use"] == 1
    assert loss["served"] == loss["fitted"]
    assert fitted["models"]["truth"]["metrics"]["ece"]["value"] < 0.1
    assert "| truth |" in capsys.readouterr().out


def test_simulated_answers_come_from_the_probability_that_is_told() -> None:
    world = load_world(WORLD)
    learners = list(simulate_reviews(world, learners=6, seed=1))
    told, right = [], []
    for learner in learners:
        assert len(list_review_times(learner.history)) > TO_FIT
        for item, place in list_reviews(learner.history):
            told.append(learner.truth[item][place])
            right.append(learner.history[item][place].right)
    error = np.mean(right) - np.mean(told)
    assert abs(error) < 4 * np.sqrt(np.mean(np.array(told) * (1 - np.array(told))) / len(told))
    # A learner's year is the same however many others there are.
    (alone,) = simulate_reviews(world, learners=1, seed=1)
    assert alone == learners[0]
    assert next(simulate_reviews(world, learners=1, seed=2)) != alone


def test_those_for_whom_the_defaults_are_true_get_the_truth_from_them() -> None:
    (learner,) = simulate_defaults(learners=1, seed=1)
    promised = predict(learner.history, DEFAULTS.parameters)
    told = [learner.truth[item][place] for item, place in list_reviews(learner.history)]
    assert promised.promised.tolist() == told
    assert len(told) > TO_FIT
    assert abs(promised.right.mean() - np.mean(told)) < 0.05


def test_what_is_judged_is_newer_than_what_is_fitted_to() -> None:
    (learner,) = simulate_reviews(load_world(WORLD), learners=1, seed=3)
    older, moment = cut(learner.history, share=0.2)
    assert max(answers[-1].occurred_at for answers in older.values()) < moment
    reviews, held_out = list_review_times(older), list_reviews(learner.history, since=moment)
    assert len(reviews) + len(held_out) == len(list_review_times(learner.history))
    assert len(held_out) == pytest.approx(0.2 * len(list_review_times(learner.history)), abs=10)


def test_what_it_cannot_do_is_said_in_a_line(tmp_path: Path, db: None) -> None:
    with pytest.raises(CommandError, match="nobody has answered"):
        call_command("evaluate_memory")
    with pytest.raises(CommandError, match="only together with --simulated"):
        call_command("evaluate_memory", "--world", str(WORLD))
    with pytest.raises(CommandError, match="no such folder"):
        call_command("evaluate_memory", "--json", str(tmp_path / "none" / "out.json"))
    with pytest.raises(CommandError, match=r"missing\.json"):
        call_command("evaluate_memory", "--simulated", "--world", str(tmp_path / "missing.json"))

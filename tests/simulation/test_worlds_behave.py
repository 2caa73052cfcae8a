"""The worlds that come with the project show what people were found to show; checked before any policy is tuned on them."""

import json
from pathlib import Path

import numpy as np
import pytest

from recommender.core.readers import read_folder
from recommender.simulation.fitting import describe, fit_folder, fit_tracing, read_sequences
from recommender.simulation.moments import NAMES, distance, with_parameters
from recommender.simulation.validation import (
    EBBINGHAUS,
    GAPS,
    INTERVALS,
    forgetting,
    practice_curve,
    practise,
    spacing,
)
from recommender.simulation.world import SHIPPED, World, list_shipped, load_world

WORLDS = [path.stem for path in list_shipped()]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return load_world(SHIPPED / f"{request.param}.json")


def test_at_least_four_worlds_need_nothing_from_outside() -> None:
    own = [name for name in WORLDS if "folder" not in read(name)["graph"]]
    assert len(own) >= 4


def test_what_is_studied_again_after_a_while_is_kept_longer(world: World) -> None:
    """The spacing effect, with its best gap growing with the time to the test (Cepeda et al., 2006, 2008)."""
    recall = spacing(world)
    massed, best = recall[:, 0], recall.argmax(1)
    assert (recall.max(1) > 1.08 * massed).all()
    assert (np.diff(best) >= 0).all()
    assert GAPS[best[0]] <= INTERVALS[0]
    # Too late helps less than in time: the curve comes down again.
    assert (recall[0, -1] < recall[0].max()) and (recall[:, -1] <= recall.max(1)).all()


def test_memory_fades_ever_more_slowly(world: World) -> None:
    days = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    left = forgetting(world, days)
    assert left[0] == pytest.approx(1.0)
    assert (np.diff(left) < 0).all()
    lost_a_day = -np.diff(left) / np.diff(days)
    assert (np.diff(lost_a_day) < 0).all()


def test_the_fading_world_forgets_as_ebbinghaus_did() -> None:
    days, savings = np.array(EBBINGHAUS).T
    ours = forgetting(load_world(SHIPPED / "fading.json"), days)
    assert np.sqrt(np.square(ours - savings).mean()) < 0.05


def test_errors_fall_with_practice_as_a_power_law(world: World) -> None:
    curve = practice_curve(world, learners=2000)
    assert curve.power > 0.9
    assert curve.errors[-1] < 0.8 * curve.errors[0]
    assert curve.errors[-1] > world.response.slip


def test_knowledge_tracing_finds_the_parameters_that_made_the_answers() -> None:
    rng = np.random.default_rng(0)
    known = rng.random(6000) < 0.4
    answers = np.zeros((6000, 12), dtype=np.int8)
    for turn in range(12):
        answers[:, turn] = rng.random(6000) < np.where(known, 0.9, 0.2)
        known |= rng.random(6000) < 0.15
    found = fit_tracing(sequences_of(answers))
    assert found.start == pytest.approx(0.4, abs=0.03)
    assert found.learn == pytest.approx(0.15, abs=0.02)
    assert found.slip == pytest.approx(0.1, abs=0.02)
    assert found.guess == pytest.approx(0.2, abs=0.03)


@pytest.mark.shared
def test_simulated_answers_look_like_real_ones(shared_data: Path) -> None:
    """With the fitted parameters: those that `docs/simulator.md` gives, on learners that they were not fitted to."""
    data = read_folder(shared_data / "assist2009")
    assert data.fold is not None
    told = describe(read_sequences(data, data.fold == 1).right)
    values = (0.754, 2.204, 1.0, 0.0494, 0.0608, 0.1915)
    assert len(values) == len(NAMES)
    base = load_world(SHIPPED / "fading.json")
    assert distance(with_parameters(base, values), told, seed=2) < 0.04
    # Not because anything would do: without slips, or without differences between learners, it doesn't.
    assert distance(with_parameters(base, (0.754, 2.204, 1.0, 0.0494, 0.001, 0.1915)), told) > 0.04
    assert distance(with_parameters(base, (0.754, 0.1, 0.1, 0.0494, 0.0608, 0.1915)), told) > 0.06


def test_worlds_keep_to_the_fitted_slip_and_guess(world: World) -> None:
    """Within what concepts were found to have, see the table of `docs/simulator.md`."""
    assert 0.03 <= world.response.slip <= 0.19
    assert 0.095 <= world.response.guess <= 0.37
    assert min(world.learning.right, world.learning.wrong) >= 0.05
    assert max(world.learning.right, world.learning.wrong) <= 0.22


def test_able_learners_and_easy_beginnings_show_in_the_answers() -> None:
    base = load_world(SHIPPED / "fading.json")
    values = dict(zip(NAMES, (0.754, 2.204, 1.0, 0.0494, 0.0608, 0.1915), strict=True))

    def right(**changed: float) -> float:
        world = with_parameters(base, tuple({**values, **changed}.values()))
        return float(practise(world, learners=1500, answers=6).mean())

    assert right(start=0.9) > right() > right(start=0.4)
    assert right(learn=0.2) > right()
    assert right(slip=0.2) < right() < right(guess=0.4)


def test_a_folder_is_fitted_by_concept(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = ["learner,item,order,correct,concept,fold"]
    for learner in range(120):
        for order in range(8):
            right = int(rng.random() < 0.3 + 0.07 * order)
            lines.append(f"u{learner},q{order % 4},{order},{right},adding,{1 + learner % 3}")
    (tmp_path / "interactions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = fit_folder(tmp_path)
    assert found["answers"] == 80 * 8
    assert found["held_out"]["sequences"] == 40
    assert set(found["pooled"]) == {"start", "learn", "slip", "guess"}
    assert len(found["concepts"]["slip"]) == 3


def sequences_of(answers: np.ndarray):
    from recommender.simulation.fitting import Sequences

    return Sequences(answers, np.zeros(len(answers), dtype=np.int64))


def read(name: str) -> dict:
    return json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))

"""A policy's value comes out of random slots as it is, with intervals that hold over learners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recommender.core import policy_value as judged
from recommender.core.policy_value import (
    ESTIMATORS,
    ExploredSlots,
    best,
    compare,
    estimate,
    fit_outcomes,
    uniform,
)
from recommender.core.studies import policy_value as study
from recommender.core.studies.__main__ import main


def make_log(learners: int = 100, each: int = 20, choices: int = 5, seed: int = 0) -> ExploredSlots:
    """Item a is rewarded with probability a / 10, whoever it is shown to."""
    rng = np.random.default_rng(seed)
    slots = learners * each
    drawn = rng.integers(0, choices, slots)
    return ExploredSlots(
        learner=np.repeat(np.arange(learners), each),
        reward=(rng.random(slots) < drawn / 10).astype(float),
        offsets=np.arange(slots + 1) * choices,
        drawn=np.arange(slots) * choices + drawn,
        probability=np.full(slots * choices, 1 / choices),
        item=np.tile(np.arange(choices), slots),
        features=np.zeros((slots * choices, 1)),
    )


def test_every_estimator_finds_the_value_of_a_choice() -> None:
    log = make_log()
    policy = best(log, (log.item == 3).astype(float))
    found = estimate(log, policy, fit_outcomes(log))
    assert (found.slots, found.learners, found.thin) == (2000, 100, ())
    assert found.matched == int((log.item[log.drawn] == 3).sum())
    assert found.ess == pytest.approx(found.matched)  # equal weights: as many as match
    for name in ESTIMATORS:
        interval = found.estimates[name]
        assert interval["low"] < 0.3 < interval["high"], name
        assert interval["high"] - interval["low"] < 0.15


def test_the_lottery_itself_is_worth_its_mean_reward() -> None:
    log = make_log()
    found = estimate(log, uniform(log), fit_outcomes(log))
    for name in ("ips", "snips"):
        assert found.estimates[name]["value"] == pytest.approx(log.reward.mean())
    assert found.ess == pytest.approx(len(log))


def test_its_best_few_share_the_probability() -> None:
    log = make_log(learners=2, each=1)
    score = np.array([5.0, 1, 4, 4, 2, 0, 0, 0, 0, 9])
    np.testing.assert_allclose(best(log, score, 2)[:5], [0.5, 0, 0.5, 0, 0])  # equals by item
    np.testing.assert_allclose(best(log, score)[5:], [0, 0, 0, 0, 1])
    np.testing.assert_allclose(best(log, score, 99), uniform(log))


def test_self_normalised_is_the_mean_of_what_matches() -> None:
    log = make_log(seed=3)
    policy = best(log, (log.item == 4).astype(float))
    matches = log.item[log.drawn] == 4
    found = estimate(log, policy, fit_outcomes(log)).estimates["snips"]
    assert found["value"] == pytest.approx(log.reward[matches].mean())


def test_doubly_robust_needs_no_right_model_and_gains_from_one() -> None:
    log = make_log()
    policy = best(log, (log.item == 4).astype(float))

    def read(expected: np.ndarray) -> dict[str, float]:
        return dict(estimate(log, policy, expected).estimates["dr"])

    nonsense, right = read(np.full(len(log.item), 0.9)), read(log.item / 10)
    assert nonsense["low"] < 0.4 < nonsense["high"]
    assert right["low"] < 0.4 < right["high"]
    assert right["high"] - right["low"] < 0.9 * (nonsense["high"] - nonsense["low"])


def test_slots_of_one_learner_are_not_taken_for_many_learners() -> None:
    """The same slots ten times over are no more evidence, as long as they are the same learner's."""
    log = make_log(learners=50, each=1, seed=1)
    copies = ExploredSlots(
        learner=np.tile(log.learner, 10),
        reward=np.tile(log.reward, 10),
        offsets=np.arange(len(log) * 10 + 1) * 5,
        drawn=np.concatenate([log.drawn + part * len(log.item) for part in range(10)]),
        probability=np.tile(log.probability, 10),
        item=np.tile(log.item, 10),
        features=np.tile(log.features, (10, 1)),
    )
    expected = fit_outcomes(log)
    once = estimate(log, uniform(log), expected).estimates["ips"]
    often = estimate(copies, uniform(copies), np.tile(expected, 10)).estimates["ips"]
    assert often["low"] == pytest.approx(once["low"])
    strangers = replace(copies, learner=np.arange(len(copies)))
    apart = estimate(strangers, uniform(strangers), np.tile(expected, 10)).estimates["ips"]
    assert apart["low"] > once["low"]


def test_a_reward_does_not_explain_itself() -> None:
    """Of learners who are all the same item's, nobody's own reward is in what is expected of her."""
    log = make_log(learners=40, each=1)
    moved = replace(log, reward=np.where(np.arange(40) == 7, 1 - log.reward, log.reward))
    before, after = fit_outcomes(log), fit_outcomes(moved)
    assert before[log.drawn[7]] == pytest.approx(after[log.drawn[7]])
    assert not np.allclose(before, after)


def test_a_difference_is_paired_and_none_to_itself() -> None:
    log = make_log()
    expected = fit_outcomes(log)
    good, bad = (best(log, (log.item == item).astype(float)) for item in (4, 1))
    for name, gain in compare(log, good, bad, expected).items():
        assert 0 < gain["low"] < 0.3 < gain["high"], name
    for same in compare(log, good, good, expected).values():
        assert same == {"value": 0, "low": 0, "high": 0}


@pytest.mark.parametrize(
    ("learners", "each", "reasons"),
    [(100, 20, ()), (100, 2, ("ess",)), (8, 200, ("learners", "heavy"))],
)
def test_thin_overlap_is_told(learners: int, each: int, reasons: tuple[str, ...]) -> None:
    log = make_log(learners, each)
    policy = best(log, (log.item == 2).astype(float))
    assert estimate(log, policy, fit_outcomes(log)).thin == reasons


def test_without_any_match_everything_is_possible() -> None:
    log = make_log(learners=3, each=1)
    other = (log.drawn + 1 - log.offsets[:-1]) % 5 + log.offsets[:-1]
    policy = np.zeros(len(log.item))
    policy[other] = 1
    found = estimate(log, policy, fit_outcomes(log))
    assert found.ess == found.matched == 0
    assert (found.estimates["snips"]["low"], found.estimates["snips"]["high"]) == (0, 1)
    assert set(found.thin) == {"ess", "learners", "heavy"}


def test_one_learner_alone_says_nothing_of_others() -> None:
    log = make_log(learners=1, each=50)
    for interval in estimate(log, uniform(log), fit_outcomes(log)).estimates.values():
        assert (interval["low"], interval["high"]) == (0, 1)


def test_what_does_not_fit_together_is_refused() -> None:
    log = make_log(learners=2, each=2)
    with pytest.raises(ValueError, match="reward must be in"):
        replace(log, reward=log.reward + 2)
    with pytest.raises(ValueError, match="its own slot"):
        replace(log, drawn=log.drawn[::-1].copy())
    with pytest.raises(ValueError, match="probability must sum to 1"):
        replace(log, probability=log.probability / 2)
    with pytest.raises(ValueError, match="policy must sum to 1"):
        estimate(log, np.zeros(len(log.item)), fit_outcomes(log))


def test_intervals_cover_a_truth_that_is_known() -> None:
    """A sample of the study: 60 logs, of which a right interval misses at most 8 but once in 300 times."""
    setting = study.Setting("small", learners=120, slots=6.0, choices=(5, 15), top=3)
    values, gains, size = study.measure(setting, runs=60, seed=1)
    assert size > judged.THIN_ESS
    for tallies in (values, gains):
        for name in ESTIMATORS:
            assert sum(tallies[name].covered) >= 52, name
    # Learners are unlike: who takes their slots for people of their own promises too much.
    widths = {name: np.mean(values[name].width) for name in ESTIMATORS}
    assert widths["dr"] < widths["ips"]


def test_the_study_prints_its_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "TRUTH", 4_000)
    monkeypatch.setattr(study, "SETTINGS", (study.Setting("few", learners=30, choices=(5, 9)),))
    assert main(["policy-value", "--runs", "2"]) == 0
    found = capsys.readouterr().out
    for name in ESTIMATORS:
        assert f"| few | {name} |" in found
    assert "nan" not in found

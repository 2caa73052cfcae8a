"""Calibration: statistics say what they mean, detectors see faults, repairs mend and add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from recommender.core import detectors, serving
from recommender.core.artefact import read_artefact, write_artefact
from recommender.core.attention_faults import FAULTS, LOGIT_FAULTS, break_logits, breaking, flood
from recommender.core.attention_names import names
from recommender.core.attention_repair import (
    HOTTEST,
    adapt_temperature,
    prior_over,
    weighted_average,
)
from recommender.core.attention_statistics import (
    MIN_EVENTS,
    Histories,
    entropy,
    statistics,
)
from recommender.core.calibration import (
    AVERAGE,
    REPAIRS,
    TEMPERATURE,
    Calibration,
    Treatment,
    Watcher,
)
from recommender.core.calibration_fit import Fitted, area_of, fit_calibration, sample
from recommender.core.catalogue import Catalogue
from recommender.core.config import ModelConfig
from recommender.core.errors import BadDataError, CorruptArtefact
from recommender.core.events import EventLog
from recommender.core.features import Batch, make_batch
from recommender.core.model import Attention
from recommender.core.parts import assemble
from recommender.core.serving import BoundRecommender, Recommender
from tests.core.conftest import make_catalogue, make_log

NOW = 1.9e9
HEADS = 2


@pytest.fixture(scope="module")
def bound(version: Path) -> BoundRecommender:
    return Recommender.load(version, device="cpu").bind(make_catalogue())


@pytest.fixture(scope="module")
def crowd() -> EventLog:
    return make_log(160, seed=3, length=26)


@pytest.fixture(scope="module")
def fitted(bound: BoundRecommender, crowd: EventLog) -> Fitted:
    with pytest.MonkeyPatch.context() as few:
        few.setattr(detectors, "STEPS", 300)
        return fit_calibration(bound, crowd, np.arange(120), seed=0)


def logits_of(length: Tensor, tokens: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(length), HEADS, tokens, generator=generator)
    return logits.masked_fill((torch.arange(tokens) > length[:, None])[:, None], -torch.inf)


def column(found: Tensor, name: str) -> Tensor:
    return found[:, names(HEADS).index(name)]


@pytest.fixture
def batch(bound: BoundRecommender, crowd: EventLog) -> Batch:
    long = np.flatnonzero(np.diff(crowd.offsets) >= MIN_EVENTS)[:12]
    return make_batch(crowd, long, None, bound.model.config.length)


def test_statistics_of_equal_shares(bound: BoundRecommender, batch: Batch) -> None:
    tokens = batch.item.shape[1] + 1
    equal = logits_of(batch.length, tokens) * 0
    equal = equal.nan_to_num(nan=-torch.inf, neginf=-torch.inf)
    alpha = equal.softmax(-1)
    torch.testing.assert_close(
        entropy(alpha).exp(), (batch.length + 1.0)[:, None].expand(-1, HEADS)
    )
    usual = torch.zeros(bound.catalogue.rows)
    found = statistics(alpha, Histories.of(batch, bound.vectors, usual))
    assert found.shape == (len(batch.item), len(names(HEADS)))
    share = 1 / (batch.length + 1.0)
    for name in ("peak_0", "first_1", "last_0", "beginning_1"):
        torch.testing.assert_close(column(found, name), share.logit())
    torch.testing.assert_close(
        column(found, "centre_0"), (batch.length - 1) / 2 / batch.length.float()
    )


def test_statistics_of_one_event(bound: BoundRecommender, batch: Batch) -> None:
    tokens = batch.item.shape[1] + 1
    alpha = torch.zeros(len(batch.item), HEADS, tokens)
    alpha[..., 1] = 1.0
    usual = torch.randn(bound.catalogue.rows)
    found = statistics(alpha, Histories.of(batch, bound.vectors, usual))
    torch.testing.assert_close(entropy(alpha).exp(), torch.ones(len(alpha), HEADS))
    torch.testing.assert_close(column(found, "coherence"), torch.ones(len(alpha)))
    torch.testing.assert_close(column(found, "usual"), usual[batch.item[:, 0]])
    assert (column(found, "first_0") > 9).all()
    assert (column(found, "recent_0") < -9).all()


def test_scores_do_not_change_for_being_watched(
    bound: BoundRecommender, fitted: Fitted, crowd: EventLog
) -> None:
    watcher = Watcher(fitted.kept, bound, crowd.learners)
    watched = bound.score(crowd, now=NOW, watch=watcher).affinity
    plain = bound.score(crowd, now=NOW).affinity
    np.testing.assert_allclose(watched, plain, atol=1e-4)
    told = np.diff(crowd.offsets) >= MIN_EVENTS
    assert np.isfinite(watcher.statistics).all(1).tolist() == told.tolist()
    assert np.isfinite(watcher.score).tolist() == told.tolist()
    assert not watcher.anomalous[~told].any()


def test_the_company_in_a_batch_changes_no_statistic(
    bound: BoundRecommender, fitted: Fitted, crowd: EventLog
) -> None:
    together = Watcher(fitted.kept, bound, crowd.learners)
    bound.score(crowd, now=NOW, watch=together)
    who = int(np.argmax(np.diff(crowd.offsets)))
    alone = Watcher(fitted.kept, bound, 1)
    bound.score(crowd.of(np.array([who])), now=NOW, watch=alone)
    np.testing.assert_allclose(alone.statistics[0], together.statistics[who], atol=2e-2)
    np.testing.assert_allclose(alone.score[0], together.score[who], atol=1e-2)


def test_severe_faults_are_told_from_healthy_learners(
    bound: BoundRecommender, fitted: Fitted, crowd: EventLog
) -> None:
    others = np.arange(120, 160)
    others = others[np.diff(crowd.offsets)[others] >= MIN_EVENTS]
    told = sample(bound, crowd, others, moments=1, severity=2.0, seed=5)
    healthy = fitted.kept.score(told.healthy, told.length)
    for kind in ("collapsed", "first_sink"):
        assert area_of(fitted.kept, healthy, *told.broken[kind]) > 0.9, kind


def test_four_detectors_are_fitted_and_the_best_is_kept(fitted: Fitted) -> None:
    assert set(fitted.detectors) == {"autoencoder", "robust distance", "exposed", "either"}
    assert set(fitted.unshown) == {"exposed", "either"}
    assert all(set(by) == set(FAULTS) for by in fitted.unshown.values())
    assert fitted.area[fitted.kept.kept] == max(fitted.area.values())


def test_a_fit_can_be_repeated(
    bound: BoundRecommender, crowd: EventLog, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detectors, "STEPS", 300)
    again = fit_calibration(bound, crowd, np.arange(120), seed=0)
    for name, tensor in fitted.kept.state_dict().items():
        assert torch.equal(tensor, again.detectors[fitted.kept.kept].state_dict()[name]), name


def test_a_reference_survives_its_tensors(fitted: Fitted) -> None:
    for whole in fitted.detectors.values():
        tensors = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
        again = Calibration.read(whole.config(), tensors)
        values = torch.randn(5, len(names(HEADS)))
        length = torch.tensor([8, 9, 12, 16, 400])
        assert torch.equal(again.score(values, length), whole.score(values, length))


def test_a_version_carries_its_reference(
    version: Path, fitted: Fitted, tmp_path: Path, catalogue: Catalogue
) -> None:
    manifest, keys, tensors = read_artefact(version)
    parts = assemble(manifest, tensors)
    assert parts.calibration is None
    parts.calibration = fitted.kept
    whole = manifest.model_copy(update={"config": manifest.config | parts.config()})
    write_artefact(tmp_path / "with", whole, keys, parts.tensors())
    again = Recommender.load(tmp_path / "with", device="cpu")
    assert again.parts.calibration is not None
    assert again.parts.calibration.kept == fitted.kept.kept
    crowd = make_log(20, seed=1)
    plain, fresh = Recommender.load(version, device="cpu"), again
    one, other = (r.bind(catalogue).score(crowd, now=NOW).affinity for r in (plain, fresh))
    assert one.tobytes() == other.tobytes()


def test_a_version_with_half_a_reference_is_corrupt(
    version: Path, fitted: Fitted, tmp_path: Path
) -> None:
    manifest, keys, tensors = read_artefact(version)
    parts = assemble(manifest, tensors)
    parts.calibration = fitted.kept
    half = {k: v for k, v in parts.tensors().items() if k != "calibration.threshold"}
    whole = manifest.model_copy(update={"config": manifest.config | parts.config()})
    write_artefact(tmp_path / "half", whole, keys, half)
    with pytest.raises(CorruptArtefact, match="calibration"):
        Recommender.load(tmp_path / "half", device="cpu")


@pytest.mark.parametrize("change", [{"kept": "oracle"}, {"heads": 3}, {"knots": "2"}])
def test_a_damaged_reference_is_refused(fitted: Fitted, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration.read({**fitted.kept.config(), **change}, fitted.kept.state_dict())


def test_too_few_learners_make_no_reference(bound: BoundRecommender, crowd: EventLog) -> None:
    with pytest.raises(BadDataError, match="learners with 8 events"):
        fit_calibration(bound, crowd, np.arange(20))


@pytest.mark.parametrize("how", REPAIRS)
@pytest.mark.parametrize("fault", sorted(LOGIT_FAULTS))
def test_contributions_add_up_to_the_repaired_affinity(
    bound: BoundRecommender, fitted: Fitted, crowd: EventLog, how: str, fault: str
) -> None:
    everybody = Treatment(how, np.ones(crowd.learners, dtype=bool))
    watcher = Watcher(_alarmed(fitted), bound, crowd.learners, treat=lambda: everybody)
    scores = bound.score(crowd, now=NOW, watch=breaking(watcher, (fault, 2.0)))
    plain = bound.score(crowd, now=NOW)
    items = np.argsort(-plain.affinity, axis=1)[:, :4]
    told = scores.contributions(items, top=64)
    explained = told.prior + told.share.sum(-1)
    np.testing.assert_allclose(explained, np.take_along_axis(scores.affinity, items, 1), atol=1e-4)
    # The prior is what an affinity owes to no event: it must not hold the difference of two attentions.
    batch = scores.batches[0][1]
    with torch.inference_mode():
        again = bound.model.explain(batch, bound.vectors)
        states = bound.model.last_states(batch, bound.vectors)
    torch.testing.assert_close(again.prior + again.event.sum(1), states, rtol=1e-4, atol=1e-4)


def test_only_the_anomalous_who_may_be_are_repaired(
    bound: BoundRecommender, fitted: Fitted, crowd: EventLog
) -> None:
    fault = ("first_sink", 2.0)
    half = np.arange(crowd.learners) % 2 == 0
    broken = Watcher(fitted.kept, bound, crowd.learners)
    without = bound.score(crowd, now=NOW, watch=breaking(broken, fault)).affinity
    watcher = Watcher(fitted.kept, bound, crowd.learners, treat=lambda: Treatment(AVERAGE, half))
    with_ = bound.score(crowd, now=NOW, watch=breaking(watcher, fault)).affinity
    changed = (np.abs(np.exp(with_) - np.exp(without)) > 1e-6).any(1)
    assert (watcher.anomalous == broken.anomalous).all()
    assert changed.any()
    assert not changed[~(half & watcher.anomalous)].any()


def test_what_is_done_is_asked_once_and_only_where_somebody_is_anomalous(
    bound: BoundRecommender, fitted: Fitted, crowd: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "TILE", 0)  # batches of sixteen
    asked: list[int] = []

    def treat() -> Treatment:
        asked.append(1)
        return Treatment(AVERAGE, np.ones(crowd.learners, dtype=bool))

    threshold = fitted.kept.threshold.clone()
    try:
        fitted.kept.threshold.fill_(torch.inf)
        healthy = Watcher(fitted.kept, bound, crowd.learners, treat=treat)
        untouched = bound.score(crowd, now=NOW, watch=healthy).affinity
        assert not asked
        assert not healthy.repaired.any()
        np.testing.assert_array_equal(
            untouched,
            bound.score(crowd, now=NOW, watch=Watcher(fitted.kept, bound, crowd.learners)).affinity,
        )
        fitted.kept.threshold.fill_(-torch.inf)
        odd = Watcher(fitted.kept, bound, crowd.learners, treat=treat)
        assert len(bound.score(crowd, now=NOW, watch=odd).batches) > 1
    finally:
        fitted.kept.threshold.copy_(threshold)
    assert asked == [1]
    assert (odd.repaired == (np.diff(crowd.offsets) >= MIN_EVENTS)).all()


def test_her_own_weights_are_no_anomaly(batch: Batch) -> None:
    """The last block's attention is looked at before weights, and repaired before them."""
    torch.manual_seed(0)
    layer = Attention(ModelConfig(width=16, heads=HEADS, length=16, hidden=16))
    x = torch.randn(*batch.item.shape, 16)
    x = torch.nn.functional.pad(x, (0, 0, 1, 0))
    weight = torch.zeros(x.shape[:2])
    weight[:, 1] = 3.0
    seen: list[Tensor] = []

    def adjust(logits: Tensor) -> Tensor:
        seen.append(logits)
        return torch.where(logits.isneginf(), logits, 0.0)

    with torch.no_grad():
        plain, _ = layer.look_back(x, batch.length, None, adjust)
        weighted, _ = layer.look_back(x, batch.length, weight, adjust)
    assert torch.equal(seen[0], seen[1])
    torch.testing.assert_close(
        (weighted[:, :, 1] / weighted[:, :, 2]).log(), torch.full((len(x), 2), 3.0)
    )
    torch.testing.assert_close(plain[:, :, 1], plain[:, :, 2])


def _alarmed(fitted: Fitted) -> Calibration:
    """A copy to which everybody is anomalous."""
    whole = fitted.kept
    copy = Calibration.read(whole.config(), {k: v.clone() for k, v in whole.state_dict().items()})
    copy.threshold.fill_(-torch.inf)
    return copy


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_the_weighted_average_is_one(seed: int, share: float) -> None:
    length = torch.tensor([3, 8, 11])
    logits = logits_of(length, 12, seed)
    prior = prior_over(torch.rand(HEADS, 9), length, 12)
    torch.testing.assert_close(prior.sum(-1), torch.ones(3, HEADS))
    mixed = weighted_average(logits, prior, share).softmax(-1)
    torch.testing.assert_close(mixed, (1 - share) * logits.softmax(-1) + share * prior)
    assert (mixed[0, :, 4:] == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 0.9), st.floats(0.01, 0.09), st.floats(0.5, 8.0))
def test_the_temperature_brings_entropy_into_range(
    seed: int, low: float, width: float, scale: float
) -> None:
    length = torch.tensor([5, 9, 11])
    logits = logits_of(length, 12, seed) * scale
    equal = (length + 1.0).log()[:, None].expand(-1, HEADS)
    fixed = adapt_temperature(logits, low * equal, (low + width) * equal)
    found = entropy(fixed.softmax(-1)) / equal
    coldest, hottest = (entropy((logits * by).softmax(-1)) / equal for by in (HOTTEST, 1 / HOTTEST))
    reached = (coldest < low) & (hottest > low + width)  # near ties cannot be told apart
    assume(reached.any())
    assert (found > low - 1e-3)[reached].all()
    assert (found < low + width + 1e-3)[reached].all()
    before = entropy(logits.softmax(-1)) / equal
    fine = (before >= low) & (before <= low + width)
    torch.testing.assert_close(fixed[fine], logits[fine])
    # Order is kept: no event overtakes another.
    order = logits[:, :, 1:].argsort(dim=-1, stable=True)
    assert (fixed[:, :, 1:].gather(2, order).nan_to_num(neginf=-1e9).diff(dim=2) >= 0).all()


def test_repairs_name_themselves(fitted: Fitted) -> None:
    logits = logits_of(torch.tensor([9, 11]), 12)
    for how in (AVERAGE, TEMPERATURE):
        assert fitted.kept.repair(logits, torch.tensor([9, 11]), how).shape == logits.shape
    with pytest.raises(ValueError, match="average, temperature"):
        fitted.kept.repair(logits, torch.tensor([9, 11]), "prayer")


def test_faults_do_what_they_say(batch: Batch) -> None:
    logits = logits_of(batch.length, batch.item.shape[1] + 1)
    rng = np.random.default_rng(0)
    wrong = {kind: break_logits(logits, kind, 2.0, batch, rng).softmax(-1) for kind in LOGIT_FAULTS}
    healthy = logits.softmax(-1)
    assert (wrong["collapsed"].amax(-1) > 0.9).all()
    assert (wrong["first_sink"][..., 1] > 0.9).all()
    assert (entropy(wrong["uniform"]) >= entropy(healthy)).all()
    last = torch.arange(len(healthy)), slice(None), batch.length
    assert (wrong["recency_blind"][last] < healthy[last] * 0.01).all()
    mild = break_logits(logits, "first_sink", 0.0, batch, rng).softmax(-1)
    assert (mild[..., 1] < wrong["first_sink"][..., 1]).all()
    with pytest.raises(KeyError):
        break_logits(logits, FAULTS[-1], 1.0, batch, rng)


def test_a_bot_adds_a_burst_and_leaves_the_rest(crowd: EventLog, catalogue: Catalogue) -> None:
    flooded = flood(crowd, 1.0, catalogue.rows, 16, np.random.default_rng(0))
    counts = np.diff(crowd.offsets)
    extra = np.ceil(np.minimum(counts, 16) * 0.5)
    assert (np.diff(flooded.offsets) == counts + extra).all()
    for who in range(crowd.learners):
        hers = crowd.item[crowd.offsets[who] : crowd.offsets[who + 1]].tolist()
        here = slice(flooded.offsets[who], flooded.offsets[who + 1])
        found = flooded.item[here].tolist()
        burst = int(extra[who])
        assert any(
            found[:k] + found[k + burst :] == hers for k in range(len(hers) + 1)
        )  # one run was inserted
        gaps = np.diff(flooded.time[here])
        assert ((gaps >= 1) & (gaps <= 2)).sum() >= burst
    none = flood(EventLog.empty(3), 1.0, catalogue.rows, 16, np.random.default_rng(0))
    assert none.learners == 3
    assert len(none) == 0

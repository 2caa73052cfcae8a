"""Items nobody has touched and learners nobody has met.

A tenth of the items is taken out of every history and met only as the target of a test case; a tenth
of the learners is left out of training altogether. One version is trained without both.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from recommender.core import linear, words
from recommender.core.errors import BadDataError
from recommender.core.evaluation import Cases, ScoreFn, cases_at
from recommender.core.events import EventLog
from recommender.core.features import first_meeting, make_batch, select_events
from recommender.core.markdown import figure, table
from recommender.core.metrics import mean_interval
from recommender.core.protocols import Protocol, given
from recommender.core.scoring import scorer
from recommender.core.studies.workbench import HIT, NDCG, Workbench, measure

SHARE = 0.1
EVENTS = (0, 1, 2, 5, 10)
DECAY = 0.75


def run(bench: Workbench) -> str:
    """Two tables; raises BadDataError for a folder without texts."""
    if not any(bench.data.described):
        raise BadDataError("cold start is ranked by text, and no item has one")
    rng = np.random.default_rng(bench.seeds[0])
    whole = given(bench.data)
    log, protocol, cold, fresh = _without(bench, whole, rng)
    bound, _ = bench.fit(log, protocol)
    ours = scorer(bound, log)
    items = _cold_items(bench, log, protocol, cold, ours)
    return f"{items}\n{_new_learners(bench, log, protocol, fresh, ours)}"


def _without(
    bench: Workbench, whole: Protocol, rng: np.random.Generator
) -> tuple[EventLog, Protocol, NDArray[np.bool_], NDArray[np.bool_]]:
    """The log without cold items but as targets; which items are cold [V], which learners new [N]."""
    log = bench.data.log
    met = np.flatnonzero(whole.candidates.numpy())
    cold = np.zeros(bench.catalogue.rows, dtype=bool)
    cold[rng.choice(met, max(1, int(SHARE * len(met))), replace=False)] = True
    target = np.zeros(len(log), dtype=bool)
    target[log.offsets[whole.test.learner] + whole.test.end] = True
    validating = np.zeros(len(log), dtype=bool)
    validating[log.offsets[whole.valid.learner] + whole.valid.end] = True
    keep = ~cold[log.item] | target
    fresh = rng.random(log.learners) < SHARE
    owner = log.learner_of_event()
    rest = select_events(log, keep)
    known = ~fresh[owner[keep]]
    protocol = Protocol(
        training=whole.training[keep] & known,
        valid=cases_at(rest, np.flatnonzero(validating[keep] & known)),
        test=cases_at(rest, np.flatnonzero(target[keep])),
        candidates=whole.candidates & ~torch.from_numpy(cold),
        told={},
    )
    return rest, protocol, cold, fresh


def _cold_items(
    bench: Workbench, log: EventLog, protocol: Protocol, cold: NDArray[np.bool_], ours: ScoreFn
) -> str:
    fresh = cold[protocol.test.target]
    cases = protocol.test.take(np.flatnonzero(fresh))
    others = protocol.test.take(np.flatnonzero(~fresh))
    among = torch.from_numpy(cold)
    popularity = bench.baselines(log, protocol, ["popularity"])[0].score
    vectors = bench.catalogue.text
    models: dict[str, ScoreFn] = {
        "popularity": popularity,
        "nearest by words": _nearest(log, words.tfidf(bench.data.described)),
    }
    if vectors is not None:
        models["nearest by encoder"] = _nearest(log, sparse.csr_matrix(vectors))
    models["**Attune**"] = ours
    rows = []
    for name, score in models.items():
        inside = measure(score, log, cases, among)
        everywhere = measure(score, log, cases, among | protocol.candidates)
        beside = measure(score, log, others, among | protocol.candidates)
        without = measure(score, log, others, protocol.candidates)
        rows.append(
            [
                name,
                figure(mean_interval(inside[NDCG])),
                figure(float(inside[HIT].mean())),
                figure(mean_interval(everywhere[NDCG])),
                figure(float(everywhere[HIT].mean())),
                figure(float(beside[NDCG].mean())),
                figure(float(without[NDCG].mean())),
            ]
        )
    head = [f"{int(cold.sum())} untouched items, {len(cases)} cases"]
    head += [f"{NDCG} among them", HIT, f"{NDCG} among all items", HIT]
    head += [f"{len(others)} other cases, {NDCG} among all items", "without the untouched"]
    return table(head, rows)


def _nearest(log: EventLog, vectors: sparse.csr_matrix) -> ScoreFn:
    """Cosine of each item's text to the recency-weighted texts of the context."""
    transposed = vectors.T.tocsr()

    def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
        batch = make_batch(log, who, end, 64)
        weight = linear.recency(batch.item, batch.mask, DECAY).numpy()
        case, place = np.nonzero(weight)
        columns = batch.item.numpy()[case, place]
        shape = (len(who), vectors.shape[0])
        context = sparse.csr_matrix((weight[case, place], (case, columns)), shape=shape)
        return torch.from_numpy(((context @ vectors) @ transposed).toarray().astype(np.float32))

    return score


def _new_learners(
    bench: Workbench, log: EventLog, protocol: Protocol, fresh: NDArray[np.bool_], ours: ScoreFn
) -> str:
    models = {b.name: b.score for b in bench.baselines(log, protocol)}
    wanted = [n for n in models if n == "popularity" or "recency" in n]
    first = first_meeting(log) & protocol.candidates.numpy()[log.item]
    rows = []
    for count in EVENTS:
        able = np.flatnonzero(fresh & (np.diff(log.offsets) > count))
        events = log.offsets[able] + count
        cases: Cases = cases_at(log, events[first[events]])
        row = [str(count), str(len(cases))]
        for score in (*(models[n] for n in wanted), ours):
            found = measure(score, log, cases, protocol.candidates)
            row.append(figure(mean_interval(found[NDCG])))
        rows.append(row)
    return table(["events so far", "new learners", *wanted, "**Attune**"], rows)

"""The platform measured on a data folder's test rows, through its own path: database, active version, slates.

For each learner of the folder who has a test row, the slate is made by the function that makes every slate, from what
the database holds of her (train and valid rows). The same rows are ranked by affinity alone and by what anybody could do
without a model. Protocol of the data folders: candidates are the items of the training rows outside the context, a
target that is none of them counts as missed, ranks are those among all candidates, nothing is sampled.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from django.utils import timezone
from numpy.typing import NDArray

from content.selectors import catalogue_rows
from content.services.datasets import make_dataset_slug
from learners.selectors.people import find_people
from recommender.core.errors import BadDataError
from recommender.core.evaluation import Cases, cases_at, rank_cases
from recommender.core.readers import TEST, TRAIN, DataFolder
from recommender.core.scoring import scorer
from recommender.models import Slate
from recommender.pipeline.active import ActiveModel, get_active
from recommender.pipeline.catalogue import LoadedCatalogue, load_catalogue
from recommender.pipeline.comparison import compare, fit_simple_rankers
from recommender.pipeline.history import to_log
from recommender.pipeline.slates import make_slates
from recommender.selectors.situations import read_situations

BATCH: Final = 256
AFFINITY: Final = "affinity"
RANKING: Final = "ranking"


class _Slates:
    """The platform's own path, batch by batch; keeps the ranks of the targets."""

    def __init__(
        self, loaded: LoadedCatalogue, model: ActiveModel, candidates: torch.Tensor
    ) -> None:
        self.loaded, self.model, self.candidates = loaded, model, candidates
        self.bound = model.recommender.bind(loaded.catalogue)
        self.affinity: list[NDArray[np.float64]] = []
        self.ranking: list[float] = []
        self.counts = {"entries": 0, "due_again": 0, "in_context": 0}

    def measure(self, ids: list[int], targets: NDArray[np.int64]) -> None:
        """Rank the targets [B] of learners [B]."""
        now = timezone.now()
        situations = read_situations(learner_ids=ids, now=now)
        reads = [situations[one] for one in ids]
        made = make_slates(reads, seqs=dict.fromkeys(ids, 0), model=self.model, now=now)
        slates = {slate.learner_id: slate for slate in made}
        log = to_log([read.history for read in reads], self.loaded.outline.row_of)
        cases = Cases(np.arange(len(ids)), np.diff(log.offsets).astype(np.int64), targets)
        self.affinity.append(rank_cases(scorer(self.bound, log), log, cases, self.candidates))
        for place, one in enumerate(ids):
            context = log.item[log.offsets[place] : log.offsets[place + 1]]
            self.ranking.append(self._rank(slates[one], int(targets[place]), set(context.tolist())))

    def _rank(self, slate: Slate, target: int, context: set[int]) -> float:
        """Place of the target on the slate as it was made, infinite where it isn't on it."""
        shown = [self.loaded.outline.row_of[entry["item"]] for entry in slate.entries]
        self.counts["entries"] += len(shown)
        self.counts["due_again"] += sum(bool(entry["again"]) for entry in slate.entries)
        self.counts["in_context"] += sum(row in context for row in shown)
        return float(shown.index(target)) if target in shown else np.inf


def evaluate_folder(
    data: DataFolder,
    *,
    slug: str,
    limit: int | None = None,
    on_learners: Callable[[int], object] = lambda _count: None,
) -> dict[str, Any]:
    """Measure the active version on the test rows of an imported folder.

    Returns `{"cases", "version", "metrics": {ranker: …}, "diff": {"affinity": {…}, "ranking": {…}}, "slates": {…}}`.
    Raises BadDataError where the folder has no test rows or wasn't imported, or where no version is active.
    """
    model = get_active()
    if model is None:
        raise BadDataError("no version is active, or none that can be loaded")
    if data.part is None or not (data.part == TEST).any():
        raise BadDataError("column part: no test row")
    loaded = load_catalogue(encoder=model.recommender.manifest.encoder)
    rows = _folder_rows(data, slug, loaded)
    cases = cases_at(data.log, np.flatnonzero(data.part == TEST))
    if limit is not None:
        cases = cases.sample(limit, seed=0)
    ids = _find_learners(data, slug, cases)
    slates = _Slates(loaded, model, _candidates(data, rows, loaded.outline.rows))
    for start in range(0, len(cases), BATCH):
        some = ids[start : start + BATCH]
        slates.measure(some, rows[cases.target[start : start + BATCH]])
        on_learners(len(some))
    simple = _simple_ranks(data, cases)
    ranks = {
        AFFINITY: np.concatenate(slates.affinity),
        RANKING: np.array(slates.ranking),
        **simple,
    }
    learner = cases.learner
    return {
        "cases": len(cases),
        "version": model.version_id,
        "metrics": compare(ranks, ours=AFFINITY, learner=learner)["metrics"],
        "diff": {
            name: compare({name: ranks[name], **simple}, ours=name, learner=learner)["diff"]
            for name in (AFFINITY, RANKING)
        },
        "slates": {name: count / len(cases) for name, count in slates.counts.items()},
    }


def _simple_ranks(data: DataFolder, cases: Cases) -> dict[str, NDArray[np.float64]]:
    """Popularity and item-to-item, fitted on the rows that the version could learn from: all but the test rows."""
    width = len(data.items) + 1
    counts = np.bincount(data.log.item[data.part == TRAIN], minlength=width)
    candidates = torch.from_numpy(counts > 0)
    known = np.asarray(data.part != TEST)
    rankers = fit_simple_rankers(data.log, train=known, rows=width, candidates=candidates)
    return {name: rank_cases(score, data.log, cases, candidates) for name, score in rankers.items()}


def _find_learners(data: DataFolder, slug: str, cases: Cases) -> list[int]:
    names = [make_dataset_slug(slug, data.learners[one]) for one in cases.learner]
    people = find_people(names)
    try:
        return [people[name] for name in names]
    except KeyError as error:
        raise BadDataError(f"learner {error} is not in the database: import the folder") from error


def _folder_rows(data: DataFolder, slug: str, loaded: LoadedCatalogue) -> NDArray[np.int64]:
    """[rows of the folder] the catalogue's row of each item."""
    by_slug = {row.slug: loaded.outline.row_of[row.id] for row in catalogue_rows()}
    try:
        return np.array([0, *(by_slug[make_dataset_slug(slug, key)] for key in data.items)])
    except KeyError as error:
        raise BadDataError(f"item {error} is not in the database: import the folder") from error


def _candidates(data: DataFolder, rows: NDArray[np.int64], width: int) -> torch.Tensor:
    open_rows = np.zeros(width, dtype=bool)
    open_rows[rows[data.log.item[data.part == TRAIN]]] = True
    open_rows[0] = False
    return torch.from_numpy(open_rows)

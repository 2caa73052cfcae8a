"""What may stand beside the item-to-item weights: similar words, and what follows what."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from recommender.core import linear, words
from recommender.core.catalogue import Catalogue
from recommender.core.events import EventLog


def beside_rows(
    log: EventLog, catalogue: Catalogue, minutes: float
) -> dict[str, tuple[Tensor, Tensor]]:
    """Kept rows [V, kept] by name: `words` where texts are known, `markov`.

    Which of them count, and how much, is chosen on validation (see `fit_mixture`).
    """
    found = {}
    if any(catalogue.texts):
        work = words.WORK * min(1.0, minutes / 10)
        found["words"] = words.similar(words.tfidf(catalogue.texts, work), linear.KEPT)
    item = np.asarray(log.item, dtype=np.int64)
    found["markov"] = linear.markov(log.learner_of_event(), item, catalogue.rows)
    return found

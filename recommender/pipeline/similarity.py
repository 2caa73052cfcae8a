"""How alike the items of a catalogue are, for diversification."""

import numpy as np
from numpy.typing import NDArray

from recommender.core.catalogue import Catalogue


def compare_items(catalogue: Catalogue, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """[n, n] from 0 to 1: cosine of the items' texts, or the share of common concepts where there is no text."""
    if catalogue.text is not None:
        vectors = catalogue.text[rows].astype(np.float64)
        return np.clip(vectors @ vectors.T, 0, 1)
    taught = np.zeros((len(rows), len(catalogue.concept_keys)), dtype=np.float64)
    for place, row in enumerate(rows):
        taught[place, list(catalogue.concepts[row])] = 1
    common = taught @ taught.T
    sizes = taught.sum(axis=1)
    union = sizes[:, None] + sizes[None, :] - common
    alike: NDArray[np.float64] = np.zeros(common.shape)
    np.divide(common, union, out=alike, where=union > 0)
    return alike

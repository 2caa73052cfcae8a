"""Ridge logistic regression on sparse columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

Floats = NDArray[np.float64]


def one_hot(slots: NDArray[np.int64], width: int) -> sparse.csr_matrix:
    """Indicator rows [n, width] of slots [n, S]; slot value 0 is empty, several slots share one unit."""
    row, place = np.nonzero(slots)
    count = np.maximum((slots > 0).sum(1), 1)
    shape = (len(slots), width)
    return sparse.csr_matrix((1.0 / count[row], (row, slots[row, place])), shape=shape)


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def logistic(features: sparse.csr_matrix, truth: Floats, penalty: float) -> Floats:
    """Weights and, last, the intercept of a ridge logistic regression (L-BFGS, to convergence).

    The steps are taken in units of each weight's curvature: a count's column is so much heavier than
    an exercise's that plain steps would stop long before the optimum.
    """
    columns = sparse.hstack([features, np.ones((features.shape[0], 1))]).tocsr()
    ridge = np.append(np.full(features.shape[1], penalty), 1e-9)
    unit = 1 / np.sqrt(np.asarray(columns.multiply(columns).sum(0)).ravel() / 4 + ridge)
    scaled = (columns @ sparse.diags(unit)).tocsr()
    transposed = scaled.T.tocsr()
    pull = ridge * unit**2

    def objective(u: Floats) -> tuple[float, Floats]:
        z = scaled @ u
        loss = np.logaddexp(0, z).sum() - truth @ z + pull @ u**2 / 2
        return float(loss), transposed @ (sigmoid(z) - truth) + pull * u

    start = np.zeros(columns.shape[1])
    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 400, "ftol": 1e-7}
    )
    return np.asarray(found.x * unit, dtype=np.float64)

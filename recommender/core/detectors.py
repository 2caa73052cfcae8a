"""What tells anomalous attention from healthy: four detectors on standardised statistics [B, S]."""

from __future__ import annotations

import math
import warnings
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

FARTHEST = 12.0
"""Standard deviations at which a statistic is cut: beyond, it is as odd as it can be."""
STEPS = 1500
"""Of ROWS learners each, in which a network is fitted, at most: seconds."""
ROWS = 128
PASSES = 300
"""So often a network sees each healthy row, at most: those of one class are known long before STEPS."""
BACKFITS = 5
"""Rounds in which the medians at all knots are fitted to what the others leave."""
LOUD = (0.995, 0.99)
"""Quantiles of healthy scores at which autoencoder and exposed network are equally loud in `Either`."""
LEVELS = 33
"""Quantiles between which a statistic is made normal."""


class Standard(nn.Module):
    """Statistics as normal scores, given the length of the history.

    Centre and spread (median, interquartile range) are found at powers of two of the length, with
    weights that fall linearly to the next one, and interpolated between. What is left is made normal by
    its quantiles (the nonparanormal of Liu, Lafferty & Wasserman, 2009), and goes on linearly beyond.
    """

    def __init__(self, knots: int, columns: int) -> None:
        super().__init__()
        for name, shape in (
            ("knots", (knots,)),  # log2 of the length
            ("centre", (knots, columns)),
            ("spread", (knots, columns)),
            ("quantile", (LEVELS, columns)),
        ):
            self.register_buffer(name, torch.zeros(shape))
        self.knots: Tensor
        self.centre: Tensor
        self.spread: Tensor
        self.quantile: Tensor

    @classmethod
    def fit(cls, found: Tensor, length: Tensor) -> Standard:
        """From statistics [N, S] of healthy learners and the lengths [N] of their histories."""
        values, size = found.double().numpy(), length.double().numpy()
        bottom, top = np.floor(np.log2(size.min())), np.ceil(np.log2(size.max()))
        knots = np.arange(bottom, max(top, bottom + 1) + 1)
        own = cls(len(knots), values.shape[1])
        own.knots.copy_(torch.from_numpy(knots))
        weight = _hats(np.log2(size), knots)  # [N, K]
        near = np.where(weight.sum(0) < 1, 1.0, weight)  # nobody near a knot: what all are like
        centre = np.zeros((len(knots), values.shape[1]))
        for _ in range(BACKFITS):
            left = values - weight @ centre
            centre += np.stack([weighted_quantiles(left, w, (0.5,))[0] for w in near.T])
        left = values - weight @ centre
        low, high = np.stack(
            [weighted_quantiles(left, w, (0.25, 0.75)) for w in near.T], axis=1
        )  # [K, S]
        least = np.maximum(0.1 * left.std(0), 1e-3)
        own.centre.copy_(torch.from_numpy(centre))
        own.spread.copy_(torch.from_numpy(np.maximum((high - low) / 1.349, least)))
        left = own.residual(found, length).double().numpy()
        quantile = np.quantile(left, _levels(), axis=0)
        # Equal quantiles of a statistic with few values are kept apart, so that each has one place.
        rising = quantile + 1e-6 * np.arange(LEVELS)[:, None]
        own.quantile.copy_(torch.from_numpy(rising))
        return own

    def residual(self, found: Tensor, length: Tensor) -> Tensor:
        """[B, S] distances from the centre for the length, in spreads."""
        weight = self.at(length)
        return (found - weight @ self.centre) / (weight @ self.spread)

    def at(self, length: Tensor) -> Tensor:
        """[B, K] weights of the knots for lengths [B]; lengths beyond count as the outermost knot."""
        place = length.clamp(min=1).float().log2()[:, None].clamp(self.knots[0], self.knots[-1])
        return (1 - (place - self.knots).abs()).clamp(min=0)

    def forward(self, found: Tensor, length: Tensor) -> Tensor:
        left = self.residual(found.float(), length)
        normal = _normal_levels().to(left)
        columns, quantile = left.T.contiguous(), self.quantile.T.contiguous()  # [S, B], [S, Q]
        right = torch.searchsorted(quantile, columns).clamp(1, LEVELS - 1)
        low, high = quantile.gather(1, right - 1), quantile.gather(1, right)
        part = (columns - low) / (high - low).clamp(min=1e-12)  # float32 may lose the step between
        within = normal[right - 1] + part * (normal[right] - normal[right - 1])
        below, above = columns - quantile[:, :1], columns - quantile[:, -1:]
        out = torch.where(below < 0, normal[0] + below, within)
        out = torch.where(above > 0, normal[-1] + above, out)
        return out.clamp(-FARTHEST, FARTHEST).T


class RobustDistance(nn.Module):
    """Mahalanobis distance with the minimum covariance determinant (Rousseeuw, 1984; the fast
    algorithm of Rousseeuw & Van Driessen, 1999, as in scikit-learn), shrunk a little."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("location", torch.zeros(columns))
        self.register_buffer("precision", torch.eye(columns))
        self.location: Tensor
        self.precision: Tensor

    def fit(self, healthy: Tensor, seed: int) -> RobustDistance:
        from sklearn.covariance import MinCovDet

        columns = healthy.shape[1]
        with warnings.catch_warnings():
            # A statistic that the data make constant leaves the covariance singular; it is shrunk below.
            warnings.simplefilter("ignore")
            found = MinCovDet(support_fraction=0.9, random_state=seed).fit(healthy.double().numpy())
        covariance = found.covariance_ + 0.05 * np.eye(columns)
        self.location.copy_(torch.from_numpy(found.location_))
        self.precision.copy_(torch.from_numpy(np.linalg.inv(covariance)))
        return self

    def forward(self, z: Tensor) -> Tensor:
        """[B] distances."""
        away = z - self.location
        return torch.einsum("bs,st,bt->b", away, self.precision, away).clamp(min=0).sqrt()


class Autoencoder(nn.Module):
    """Reconstruction error of a small network that has seen healthy learners only."""

    def __init__(self, columns: int, hidden: int = 32, code: int = 6) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(columns, hidden), nn.SiLU(), nn.Linear(hidden, code),
            nn.Linear(code, hidden), nn.SiLU(), nn.Linear(hidden, columns),
        )  # fmt: skip

    def fit(self, healthy: Tensor, seed: int) -> Autoencoder:
        generator = torch.Generator().manual_seed(seed)
        optimiser = torch.optim.Adam(self.parameters(), 3e-3)
        for _ in range(_steps(healthy)):
            rows = torch.randint(len(healthy), (ROWS,), generator=generator)
            loss = F.smooth_l1_loss(self.net(healthy[rows]), healthy[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return self

    def forward(self, z: Tensor) -> Tensor:
        """[B] root of the summed squared errors."""
        out: Tensor = (self.net(z) - z).norm(dim=1)
        return out


class Exposed(nn.Module):
    """A small network that has seen simulated faults beside healthy learners.

    Outlier exposure (Hendrycks, Mazeika & Dietterich, 2019). It knows in which direction a fault leads,
    which distances in all directions do not; what it never met, it may miss.
    """

    def __init__(self, columns: int, hidden: int = 32) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(columns, hidden), nn.SiLU(), nn.Dropout(0.1), nn.Linear(hidden, 1)
        )

    def fit(self, healthy: Tensor, faulty: Tensor, seed: int) -> Exposed:
        generator = torch.Generator().manual_seed(seed)
        optimiser = torch.optim.AdamW(self.parameters(), 3e-3, weight_decay=0.01)
        truth = torch.cat([torch.zeros(ROWS), torch.ones(ROWS)])
        self.train()
        for _ in range(_steps(healthy)):
            here = torch.randint(len(healthy), (ROWS,), generator=generator)
            there = torch.randint(len(faulty), (ROWS,), generator=generator)
            logit = self.net(torch.cat([healthy[here], faulty[there]]))[:, 0]
            loss = F.binary_cross_entropy_with_logits(logit, truth)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return self.eval()

    def forward(self, z: Tensor) -> Tensor:
        """[B] log odds of a fault."""
        out: Tensor = self.net(z)[:, 0]
        return out


class Either(nn.Module):
    """The louder of an autoencoder and an exposed network: what neither was shown still stands out.

    Their scores are put on one scale by healthy learners: 0 at the median, 1 where one in a hundred is
    (of the autoencoder: one in two hundred, as what it finds strange is mostly healthy).
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.autoencoder, self.exposed = Autoencoder(columns), Exposed(columns)
        self.register_buffer("middle", torch.zeros(2))
        self.register_buffer("reach", torch.ones(2))
        self.middle: Tensor
        self.reach: Tensor

    @torch.no_grad()
    def fit(self, autoencoder: Autoencoder, exposed: Exposed, healthy: Tensor) -> Either:
        """From both as they are fitted, and statistics of learners that neither has seen."""
        self.autoencoder, self.exposed = autoencoder, exposed
        score = self._both(healthy).double()
        middle = score.quantile(0.5, dim=0)
        far = torch.stack([one.quantile(loud) for one, loud in zip(score.T, LOUD, strict=True)])
        self.middle.copy_(middle)
        self.reach.copy_((far - middle).clamp(min=1e-6))
        return self.eval()

    def forward(self, z: Tensor) -> Tensor:
        """[B] the higher score of the two."""
        return ((self._both(z) - self.middle) / self.reach).amax(1)

    def _both(self, z: Tensor) -> Tensor:
        return torch.stack([self.autoencoder(z), self.exposed(z)], 1)


def weighted_quantiles(
    values: NDArray[np.float64], weight: NDArray[np.float64], at: tuple[float, ...]
) -> NDArray[np.float64]:
    """[Q, S] of values [N, S], each row counted `weight` [N] times."""
    order = np.argsort(values, axis=0, kind="stable")
    total = np.cumsum(weight[order], axis=0)  # [N, S]
    rows = [(total < level * total[-1]).sum(0).clip(max=len(values) - 1) for level in at]
    columns = np.arange(values.shape[1])
    return np.stack([values[order[row, columns], columns] for row in rows])


def _steps(healthy: Tensor) -> int:
    return min(STEPS, math.ceil(PASSES * len(healthy) / ROWS))


def _hats(place: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.clip(1 - np.abs(place[:, None] - knots), 0, None))


def _levels() -> NDArray[np.float64]:
    """Probabilities, denser in the tails."""
    return np.asarray(0.5 + 0.5 * np.tanh(np.linspace(-3.1, 3.1, LEVELS)) / np.tanh(3.1) * 0.996)


@cache
def _normal_levels() -> Tensor:
    """float64 [Q]: the normal scores of `_levels`."""
    from scipy.special import ndtri

    return torch.from_numpy(np.asarray(ndtri(_levels())))

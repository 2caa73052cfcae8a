"""What is known of the exercises themselves: concepts, and how hard each one is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from recommender.core.logistic import logistic, one_hot


@dataclass(frozen=True)
class Exercises:
    """What is known of the exercises before any learner is looked at."""

    slots: Tensor  # int64 [V, S] concept + 1, 0 = none
    prior: Tensor  # float [V] logit of P(correct), shrunk to the concepts' and the overall mean
    count: Tensor  # float [V] log(1 + answers) behind the prior
    concept: Tensor  # float [concepts + 1] logit of P(correct) of a concept, first the overall one


def difficulty(
    item: Tensor, right: Tensor, slots: Tensor, concepts: int, strength: float = 6.0
) -> Exercises:
    """What the answers say of each exercise; rare items lean on their concepts.

    item [A] rows, right [A] 0/1. Empirical Bayes with `strength` pseudo-answers at each level.
    """
    rows = len(slots)
    n = torch.zeros(rows).index_add_(0, item, torch.ones_like(right))
    wins = torch.zeros(rows).index_add_(0, item, right)
    overall = (right.sum() + 1) / (len(right) + 2)
    per = slots.shape[1]
    concept_n = torch.zeros(concepts + 1)
    concept_n.index_add_(0, slots.flatten(), n.repeat_interleave(per))
    concept_wins = torch.zeros(concepts + 1)
    concept_wins.index_add_(0, slots.flatten(), wins.repeat_interleave(per))
    mean = (concept_wins + strength * overall) / (concept_n + strength)
    mean[0] = overall
    concept = torch.logit(mean, eps=1e-4)
    base = torch.sigmoid(concept_prior(slots, concept))
    prior = torch.logit((wins + strength * base) / (n + strength), eps=1e-4)
    return Exercises(slots, prior, n.log1p(), concept)


def concept_prior(slots: Tensor, concept: Tensor) -> Tensor:
    """Prior logits [V] of exercises of which only the concepts are known."""
    has = (slots > 0).float()
    own = (concept[slots] * has).sum(1) / has.sum(1).clamp(min=1)
    return torch.where(has.sum(1) > 0, own, concept[0])


def adjusted(
    known: Exercises, item: Tensor, right: Tensor, shared: Tensor, penalty: float = 1.0
) -> Exercises:
    """Difficulties that allow for who answered: an exercise that only the able met is not easy.

    A logistic regression of the answers right [A] on their exercises item [A], their concepts and what
    was known of the learner, shared [A, F]; the prior is its logit for a learner like the mean.
    """
    rows, concepts = len(known.slots), len(known.concept) - 1
    slots = known.slots.numpy()
    numbers = shared.double()
    columns = [
        one_hot(item.numpy()[:, None], rows),
        one_hot(slots[item.numpy()], concepts + 1),
        sparse.csr_matrix(numbers.numpy()),
    ]
    found = logistic(sparse.hstack(columns).tocsr(), right.double().numpy(), penalty)
    weights = torch.from_numpy(found.astype(np.float32))
    base = weights[-1] + numbers.mean(0).float() @ weights[rows + concepts + 1 : -1]
    concept = weights[rows : rows + concepts + 1] + base
    concept[0] = base
    prior = concept_prior(known.slots, concept) + weights[:rows]
    return replace(known, prior=prior, concept=concept)

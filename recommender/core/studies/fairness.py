"""Predicted success by parts of the learners: who is overestimated, and how far mastery is off, for whom."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from recommender.core.device import pick
from recommender.core.errors import BadDataError
from recommender.core.events import RIGHT, EventLog
from recommender.core.fairness import describe, tabulate
from recommender.core.learner_parts import Dimension, Floats, Ints, Part, thirds
from recommender.core.markdown import figure, table
from recommender.core.measure_common import Options
from recommender.core.measure_success import SuccessProtocol
from recommender.core.studies.workbench import Workbench
from recommender.core.training import train_success

FIRST = 10
"""By so many first answers learners are divided; what comes after them is measured."""
PULL = 5.0
"""An exercise's share of right answers is pulled towards that of all by so many answers."""


def run(bench: Workbench) -> str:
    """One table: held-out learners in thirds by how they began, and by how much they answered.

    Dividing by the first answers and measuring on later ones keeps luck out: who was unlucky in what divides would look
    overestimated in it whatever was predicted.
    """
    data = bench.data
    if not data.answered:
        raise BadDataError("column correct is missing from the interactions")
    log = data.log
    protocol = SuccessProtocol.of(
        data, bench.catalogue, Options(data.path.parent, data.path, minutes=bench.minutes)
    )
    owner = log.learner_of_event()[protocol.rows]
    later = protocol.rows - log.offsets[owner] >= FIRST
    if not later.any():
        raise BadDataError(f"no learner of the test part has more than {FIRST} answers")
    head, _result = train_success(
        log,
        bench.catalogue,
        config=bench.config(),
        split=protocol.split(),
        on_progress=bench.bar.training,
        device=bench.device,
    )
    device = pick(bench.device)
    given = bench.catalogue.text
    text = None if given is None else torch.from_numpy(given).to(device)
    chance = protocol.predict(head, text, device)
    rows, learner, chance = protocol.rows[later], owner[later], chance[later]
    right = (np.asarray(log.outcome)[rows] == RIGHT).astype(np.float64)
    slots = bench.catalogue.concept_slots[np.asarray(log.item, dtype=np.int64)[rows]]
    nothing = np.zeros(0)
    found = describe(
        tabulate(
            nothing.astype(np.int64),
            nothing,
            np.zeros((0, 1), dtype=np.int64),
            nothing,
            learner.astype(np.int64),
            chance,
            right,
            slots,
        ),
        _divide(log, protocol, np.unique(learner)),
    )
    head_row = ["learners", "number", "promised less right", "error of mastery"]
    lines = [_line("all", found["all"])]
    for dimension in found["dimensions"]:
        lines += [
            _line(f"{dimension['name']}: {part['name']}", part) for part in dimension["parts"]
        ]
    return table(head_row, lines)


def _divide(log: EventLog, protocol: SuccessProtocol, members: Ints) -> list[Dimension]:
    answers = np.diff(log.offsets)[members].astype(np.float64)
    return [
        _thirds(
            "first answers", _begin(log, protocol, members), members, ("weak", "middle", "strong")
        ),
        _thirds("answers", answers, members, ("few", "middle", "many")),
    ]


def _begin(log: EventLog, protocol: SuccessProtocol, members: Ints) -> Floats:
    """[M] share right of the FIRST answers, less what training learners get right of the same exercises."""
    right = (np.asarray(log.outcome) == RIGHT).astype(np.float64)
    item = np.asarray(log.item, dtype=np.int64)
    learned = np.isin(log.learner_of_event(), protocol.train)
    width = int(item.max(initial=0)) + 1
    mean = right[learned].mean()
    total = np.bincount(item[learned], weights=right[learned], minlength=width) + PULL * mean
    usual = total / (np.bincount(item[learned], minlength=width) + PULL)
    start = log.offsets[members]
    above = right - usual[item]
    return np.array([above[at : at + FIRST].mean() for at in start])


def _thirds(
    name: str, value: NDArray[np.float64], members: Ints, names: tuple[str, ...]
) -> Dimension:
    third = thirds(value)
    return Dimension(
        "study",
        name,
        [Part(each, each, members[third == place]) for place, each in enumerate(names)],
    )


def _line(name: str, part: dict[str, object]) -> list[str]:
    return [
        name,
        f"{part['learners']:,}",
        figure(part.get("overestimated"), sign=True),
        figure(part.get("mastery_error")),
    ]

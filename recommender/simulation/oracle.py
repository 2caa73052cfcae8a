"""What each item would truly be worth: the expected gain of knowledge 30 days after the end of the allotted time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.simulation.classroom import RETENTION_DAYS, Room
from recommender.simulation.memory import RIGHT, STUDIED, WRONG

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def expected_gain(room: Room, who: Ints) -> Floats:
    """[m, V] concepts more that are known and recalled then, if each item were the last that is studied.

    Attention and what a right answer does for prerequisites are left out; so is what an item makes possible later.
    """
    minds, material, given = room.minds, room.material, room.world.learning
    days = np.maximum(room.plan.last_day - room.day, 0) + RETENTION_DAYS
    known, rate = minds.known()[who], room.traits.rate[who, None]
    skill, base = minds.skill[who], room.traits.base[who]
    ready = minds.readiness(known)
    ready = given.without_prerequisites + (1 - given.without_prerequisites) * ready
    left = minds.trace.recall_after(days, event=None)[who]
    success = minds.chance(known, np.arange(material.rows), who=who)  # [m, V]
    zone = minds.zone(success)
    unaided = given.unaided + (1 - given.unaided) * skill

    def worth(event: int, effect: Floats) -> tuple[Floats, Floats]:
        """[m, C] of recalling what was learned before, and of learning more, by this event."""
        recall = minds.trace.recall_after(days, event=event)[who]
        more = np.minimum(effect * ready * rate, 1.0) * (1 - skill)
        return (skill - base) * (recall - left), more * recall

    taught = worth(STUDIED, np.full(skill.shape, given.lesson))
    right, wrong = worth(RIGHT, given.right * unaided), worth(WRONG, given.wrong * unaided)
    total = np.zeros(success.shape)
    for slot in material.slots.T:
        concept = np.maximum(slot, 0)
        lesson = taught[0][:, concept] + taught[1][:, concept]
        practice = success * (right[0][:, concept] + zone * right[1][:, concept])
        practice += (1 - success) * (wrong[0][:, concept] + zone * wrong[1][:, concept])
        total += np.where(slot >= 0, np.where(material.gradable, practice, lesson), 0.0)
    return total

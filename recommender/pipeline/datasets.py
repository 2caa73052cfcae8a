"""A data folder (the core's format) as a course, its learners and their events in the database."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from content.services.datasets import DatasetItem, import_dataset_course, make_dataset_slug
from learners.services.datasets import DatasetEvent, import_dataset_learners, refuse_names_of_people
from recommender.core.events import ANSWERED, BEHAVIOURS, OUTCOMES, RATED, RIGHT
from recommender.core.readers import TEST, DataFolder

LEARNERS: Final = 500
"""So many learners go into one transaction."""
NAMESPACE: Final = uuid.UUID("6f2b0f4e-3f0a-5d0c-9f0e-2f6a1a7c9d11")
START: Final = datetime(2020, 1, 1, tzinfo=UTC)
STEP: Final = timedelta(minutes=10)
"""Where a folder knows only the order, its rows are put so far apart, beginning at START."""
RATING_SCORE: Final = {"rated_low": 1 / 6, "rated_mid": 0.5, "rated_high": 5 / 6}
"""A rating enters as the middle of the third of the scale that its reader put it in."""


@dataclass(frozen=True)
class Imported:
    """What an import found and did."""

    items: int
    learners: int
    events: int
    new_events: int
    held_out: int


def import_folder(
    data: DataFolder, *, slug: str, on_learners: Callable[[int], object] = lambda _count: None
) -> Imported:
    """Bring a data folder into the database, in batches; test rows (`part`) stay out.

    Doing it again, or going on after it was killed, ends in the same rows. Raises Refused (a name is taken, a text
    cannot be stored), and nothing is written then.
    """
    usernames = [make_dataset_slug(slug, learner) for learner in data.learners]
    refuse_names_of_people(usernames)
    concepts = data.concept_keys
    items = [
        DatasetItem(key, data.texts[row], tuple(concepts[c] for c in data.concepts[row]))
        for row, key in enumerate(data.items, start=1)
    ]
    course_id, ids = import_dataset_course(
        slug=slug,
        title=slug.replace("-", " ").capitalize(),
        kind="exercise" if data.answered else "reading",
        items=items,
    )
    row_ids = np.array([0, *(ids[key] for key in data.items)], dtype=np.int64)
    times = event_times(data)
    new = 0
    for start in range(0, len(data.learners), LEARNERS):
        who = range(start, min(start + LEARNERS, len(data.learners)))
        new += import_dataset_learners(
            course_id=course_id,
            usernames=[usernames[one] for one in who],
            events=list(_events(data, slug, who, row_ids, times)),
        )
        on_learners(len(who))
    kept = len(data.log) if data.part is None else int((data.part != TEST).sum())
    return Imported(len(items), len(data.learners), kept, new, len(data.log) - kept)


def event_times(data: DataFolder) -> list[datetime]:
    """When each row happened: its timestamp, never before the row that it follows, else by its order."""
    times: list[datetime] = []
    for first, last in zip(data.log.offsets[:-1], data.log.offsets[1:], strict=True):
        if data.timed:
            stamps = np.maximum.accumulate(data.log.time[first:last])
            times.extend(datetime.fromtimestamp(float(stamp), tz=UTC) for stamp in stamps)
        else:
            times.extend(START + STEP * place for place in range(int(last - first)))
    return times


def _events(
    data: DataFolder,
    slug: str,
    who: range,
    row_ids: np.ndarray,
    times: list[datetime],
) -> Iterator[DatasetEvent]:
    log = data.log
    for one in who:
        learner = data.learners[one]
        username = make_dataset_slug(slug, learner)
        for place, event in enumerate(range(int(log.offsets[one]), int(log.offsets[one + 1]))):
            if data.part is not None and data.part[event] == TEST:
                continue
            behaviour, outcome = int(log.behaviour[event]), int(log.outcome[event])
            yield DatasetEvent(
                username=username,
                uid=uuid.uuid5(NAMESPACE, f"{slug}\n{learner}\n{place}"),
                verb=BEHAVIOURS[behaviour - 1],
                item_id=int(row_ids[log.item[event]]),
                occurred_at=times[event],
                success=outcome == RIGHT if behaviour == ANSWERED else None,
                score=RATING_SCORE[OUTCOMES[outcome]] if behaviour == RATED else None,
            )

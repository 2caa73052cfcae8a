"""The events of all learners as a log on disk, streamed from the database in bounded memory."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.selectors import stream_events
from recommender.core.catalogue import Catalogue
from recommender.core.events import EventLog, Writer
from recommender.pipeline.history import to_columns
from recommender.selectors.exploration import read_explored


class Export(NamedTuple):
    """A log, and whose histories it holds: the person's key by the learner's index, rising."""

    log: EventLog
    learners: NDArray[np.int64]


def export_events(
    folder: Path,
    *,
    catalogue: Catalogue,
    until: datetime,
    on_page: Callable[[int], None] | None = None,
) -> Export:
    """Write every event received up to `until` to `folder`, and open it memory-mapped.

    Whoever has been erased is not in it, because nothing of hers is in the database. Memory holds one page of rows, the
    explored impressions and the learners' keys, whatever the number of events. `on_page(events so far)` may raise to end
    the export.
    """
    row_of = {int(key): row for key, row in catalogue.row_of.items()}
    explored = read_explored(until=until)
    written = 0
    people: list[NDArray[np.int64]] = []
    with Writer(folder) as writer:
        for page in stream_events(received_until=until):
            learner = np.array([row.learner_id for row in page], dtype=np.int64)
            items = np.array([row.item_id for row in page], dtype=np.int64)
            columns = to_columns(page, row_of)
            columns["explored"] = explored.mark(learner, items, columns["time"].astype(np.float64))
            writer.append(learner, columns)
            people.append(np.unique(learner))
            written += len(page)
            if on_page is not None:
                on_page(written)
        # A learner may go on in the next page.
        learners = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *people]))
        return Export(writer.close(), learners)

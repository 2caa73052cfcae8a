"""What was shown through an exploration slot, for the marking of training data."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Min

from recommender.models import Impression

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Explored(NamedTuple):
    """Pairs of learner and item that met in an exploration slot, and when first; sorted by both, 24 bytes each."""

    learner: "NDArray[np.int64]"
    item: "NDArray[np.int64]"
    shown: "NDArray[np.float64]"  # unix seconds

    def mark(
        self,
        learner: "NDArray[np.int64]",
        item: "NDArray[np.int64]",
        time: "NDArray[np.float64]",
    ) -> "NDArray[np.bool_]":
        """Tell for each event [n] whether its learner had met its item through exploration by then."""
        import numpy as np

        if not len(self.learner) or not len(learner):
            return np.zeros(len(learner), dtype=bool)
        width = int(max(self.item.max(), item.max())) + 1
        keys = self.learner * width + self.item
        wanted = learner * width + item
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return (keys[place] == wanted) & (self.shown[place] <= time)


def read_explored(*, until: datetime) -> Explored:
    """Return every explored impression up to `until`; small, because at most one slot of a slate explores."""
    import numpy as np

    rows = (
        Impression.objects.filter(explored=True, shown_at__lte=until)
        .order_by("learner_id", "item_id")
        .values("learner_id", "item_id")
        .annotate(first=Min("shown_at"))
        .values_list("learner_id", "item_id", "first")
    )
    table = np.array(
        [(learner, item, first.timestamp()) for learner, item, first in rows.iterator()],
        dtype=np.float64,
    ).reshape(-1, 3)
    return Explored(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2])

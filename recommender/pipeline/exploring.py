"""What is kept of an exploration with its slate: all that is needed to judge later what another ranker would have shown."""

from typing import Any

from recommender.core.ranking import Ranking
from recommender.pipeline.catalogue import LoadedCatalogue
from recommender.standing import Situation


def describe_exploration(
    ranking: Ranking, loaded: LoadedCatalogue, situation: Situation
) -> dict[str, Any] | None:
    """Slot (1 is the top), item and joint probability of the draw; what it was drawn from, and her target of success.

    `among` holds the ids of all items that could have stood there instead, each with the same probability. None where
    nothing was drawn.
    """
    drawn = ranking.exploration
    if drawn is None:
        return None
    return {
        "slot": drawn.slot + 1,
        "item": int(loaded.outline.item_ids[drawn.item]),
        "probability": drawn.probability,
        "among": sorted(loaded.outline.item_ids[drawn.among].tolist()),
        "target": round(situation.target_success, 4),
    }

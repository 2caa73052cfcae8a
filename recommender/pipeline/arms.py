"""Which version a learner's slate is made with: the active one, or that of her arm while an experiment runs."""

import logging
from collections.abc import Iterator, Sequence

from django.utils import timezone

from recommender.pipeline.active import ActiveModel, get_versions
from recommender.pipeline.artefacts import UnavailableArtefact
from recommender.selectors.experiments import find_running
from recommender.services.experiments import join_experiment

logger = logging.getLogger(__name__)


def split_by_arm(
    learner_ids: Sequence[int], *, model: ActiveModel | None
) -> Iterator[tuple[ActiveModel | None, list[int]]]:
    """Yield learners with the model (None: the syllabus) that is to make their slates; who is new joins the experiment.

    Without an experiment that is the active `model` for all, and costs one small query. An arm whose version is damaged
    is served by the active one; one that only this machine cannot load is left to other machines.
    """
    experiment = find_running() if learner_ids else None
    if experiment is None:
        get_versions(())  # lets go of those of the last one
        yield model, list(learner_ids)
        return
    joined = join_experiment(experiment, learner_ids=learner_ids, now=timezone.now())
    wanted = {True: experiment.treatment_id, False: experiment.control_id}
    try:
        versions = get_versions([version for version in wanted.values() if version is not None])
    except UnavailableArtefact as error:
        logger.error("no slates for an arm", extra={"error": str(error)})
        versions = {}
        wanted = {arm: version for arm, version in wanted.items() if version is None}
    for arm, version in wanted.items():
        some = [learner for learner in learner_ids if joined[learner] is arm]
        if some:
            yield (None if version is None else versions.get(version, model)), some

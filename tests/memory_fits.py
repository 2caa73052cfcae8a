"""Keep a fit of a learner's memory as a worker does."""

from django.utils import timezone

from learners.memory import Parameters
from learners.services.memory import store_fit


def keep_fit(learner: int, parameters: Parameters, *, used: bool = True) -> bool:
    return store_fit(
        learner_id=learner,
        parameters=parameters,
        used=used,
        reviews=600,
        held_out=150,
        default_log_loss=0.6,
        log_loss=0.5,
        gain=(0.05, 0.15) if used else (-0.05, 0.15),
        look_again=1000,
        now=timezone.now(),
    )

"""The phases of a training run, in their order, in words for operators."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LABELS: Final[dict[str, Any]] = {
    "vectors": _("encoding texts"),
    "export": _("reading events"),
    "linear": _("items that go together"),
    # What a learner pays is called the same in English only.
    "attention": pgettext_lazy("phase of a training run", "attention"),
    "answers": _("reading answers"),
    "success": _("predicting success"),
    "mixture": _("weighing the parts"),
    "calibration": _("learning what healthy attention is"),
    "save": _("writing the version"),
    "storing": _("storing the version"),
}


def label_phase(phase: str) -> str:
    """The phase in words; its own name where it has none."""
    return str(LABELS.get(phase, phase))

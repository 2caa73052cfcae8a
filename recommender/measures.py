"""What is watched of a version at work, as histograms with fixed bins: so that days, and versions, can be laid side by side.

Workers count, the operators' page and the metrics read. Of attention everything is a mean over heads.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from recommender.core.attention_names import count_heads, names

Floats = NDArray[np.float64]

ATTENTION, INPUTS, SCORES = "attention", "inputs", "scores"
PERCENT, NUMBER, SECONDS = "percent", "number", "seconds"
_SHARES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
_TENTHS: Final = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
_TWICE: Final = tuple(float(2**power) for power in range(1, 10))
ACTIVITY: Final[Mapping[str, Any]] = {
    "viewed": _("opened"),
    "progressed": _("went on"),
    "completed": _("completed"),
    "right": _("answered right"),
    "wrong": _("answered wrong"),
    "answered": _("answered, not graded"),
    "rated": _("rated"),
    "abandoned": _("left unfinished"),
}


class Measure(NamedTuple):
    """One histogram: its bins lie between `edges`, or are named by `categories`."""

    group: str
    label: Any
    note: Any
    unit: str = NUMBER
    edges: tuple[float, ...] = ()
    categories: Mapping[str, Any] = {}

    @property
    def bins(self) -> int:
        return len(self.categories) or len(self.edges) + 1

    def place(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """The bin of each value; NaN must not be among them."""
        return np.searchsorted(np.array(self.edges), values, side="right")

    def name_bins(self) -> list[str]:
        """What each bin is called: its category, or from where to where it reaches."""
        if self.categories:
            return [str(label) for label in self.categories.values()]
        told = [format_value(edge, self.unit) for edge in self.edges]
        between = [
            gettext("%(low)s to %(high)s") % {"low": low, "high": high}
            for low, high in pairwise(told)
        ]
        return [
            gettext("below %(edge)s") % {"edge": told[0]},
            *between,
            gettext("%(edge)s or more") % {"edge": told[-1]},
        ]


MEASURES: Final[Mapping[str, Measure]] = {
    "entropy": Measure(
        ATTENTION,
        _("entropy"),
        _("In nats: 0 where one event has it all."),
        edges=tuple(0.5 * half for half in range(1, 13)),
    ),
    "effective": Measure(
        ATTENTION,
        _("effective number of events"),
        _("So many events, attended to alike, would have the same entropy."),
        edges=_TWICE,
    ),
    "peak": Measure(ATTENTION, _("peak"), _("Share of the most attended event."), PERCENT, _SHARES),
    "first": Measure(ATTENTION, _("first event"), _("Its share."), PERCENT, _SHARES),
    "last": Measure(ATTENTION, _("last event"), _("Its share."), PERCENT, _SHARES),
    "recent": Measure(
        ATTENTION, _("recent events"), _("Share of the last quarter of them."), PERCENT, _SHARES
    ),
    "beginning": Measure(
        ATTENTION,
        _("nothing in particular"),
        _("Share of the learned beginning that every history has."),
        PERCENT,
        _SHARES,
    ),
    "distance": Measure(
        ATTENTION,
        _("how far back"),
        _("Mean distance from the newest event, as a part of the history."),
        PERCENT,
        _TENTHS,
    ),
    "spread": Measure(
        ATTENTION,
        _("difference between heads"),
        _("Share that a head has elsewhere than the mean of all."),
        PERCENT,
        (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5),
    ),
    "burst": Measure(
        ATTENTION,
        _("bursts"),
        _("Attention to the oddest run of quick events, beside an equal share."),
        edges=(0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
    ),
    "activity": Measure(
        INPUTS, _("what learners do"), _("Verbs, with the outcome of answers."), categories=ACTIVITY
    ),
    "gap": Measure(
        INPUTS,
        _("time since the event before"),
        "",
        SECONDS,
        (3.0, 60.0, 600.0, 3600.0, 86_400.0, 604_800.0),
    ),
    "seconds": Measure(
        INPUTS,
        _("time on an event"),
        _("Where it is known."),
        SECONDS,
        (3.0, 10.0, 30.0, 60.0, 300.0, 1200.0),
    ),
    "length": Measure(
        INPUTS, _("length of histories"), _("Events that a refresh reads."), edges=_TWICE
    ),
    "known": Measure(
        INPUTS,
        _("items that the version knows"),
        _("It ranks others by their text alone."),
        categories={"known": _("known"), "new": _("new")},
    ),
    "affinity": Measure(
        SCORES,
        pgettext_lazy("measure of drift", "affinity of the first five"),
        _(
            "Beside the best of all that she may study: 100% where the list follows the model alone."
        ),
        PERCENT,
        _TENTHS,
    ),
    "success": Measure(
        SCORES,
        _("predicted success of the first five exercises"),
        _("Likelihood of a right answer."),
        PERCENT,
        _TENTHS,
    ),
}


def describe_attention(statistics: Floats, events: NDArray[np.integer]) -> dict[str, Floats]:
    """The measures [N] of attention from statistics [N, S] in the order of `core.attention_names`, and events [N]."""
    column = {
        name: statistics[:, place]
        for place, name in enumerate(names(count_heads(statistics.shape[1])))
    }

    def heads(name: str) -> Floats:
        return np.stack([values for key, values in column.items() if key.startswith(f"{name}_")], 1)

    def share(name: str) -> Floats:
        return (1 / (1 + np.exp(-heads(name)))).mean(1)

    # The statistic is the logarithm of what entropy lacks to that of equal shares over events and beginning.
    entropy = np.maximum(np.log(events + 1.0)[:, None] - np.exp(heads("flatness")), 0.0)
    return {
        "entropy": entropy.mean(1),
        "effective": np.exp(entropy).mean(1),
        **{name: share(name) for name in ("peak", "first", "last", "recent", "beginning")},
        "distance": heads("centre").mean(1),
        # Shares that are elsewhere are counted where they are and where they are not.
        "spread": np.exp(column["spread"]) / 2,
        "burst": column["burst"],
    }


def format_value(value: float, unit: str) -> str:
    """A bound between bins, as short as it can be said."""
    if unit == PERCENT:
        return f"{100 * value:g}%"
    if unit == SECONDS:
        for size, text in (
            (86_400.0, gettext("%(n)s d")),
            (3600.0, gettext("%(n)s h")),
            (60.0, gettext("%(n)s min")),
        ):
            if value >= size:
                return text % {"n": f"{value / size:g}"}
        return gettext("%(n)s s") % {"n": f"{value:g}"}
    return f"{value:g}" if math.isfinite(value) else "∞"

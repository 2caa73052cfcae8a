"""What feedback gains, over several seeds: a replay each, learners averaged over them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.core import metrics, report
from recommender.core.markdown import figure, table
from recommender.core.measure_common import Options, version_folder
from recommender.core.measure_reweight import Found, Measurement, usable
from recommender.core.reweighting import Reweighting
from recommender.core.studies.workbench import Workbench

COMPARED = ("on", "placebo")


def run(bench: Workbench) -> str:
    """Each seed on its own and their mean; raises BadDataError where there is nothing to replay."""
    data = usable(bench.data)
    rows, gains = [], []
    for seed in bench.seeds:
        options = Options(
            data.path, data.path, minutes=bench.minutes, seed=seed, device=bench.device
        )
        with version_folder(None) as folder:
            one = Measurement(data, bench.catalogue, options, bench.bar, report.Stopwatch())
            found = one.run(folder)
        off = found.outcome.by_learner("off")
        gained = {mode: found.outcome.by_learner(mode) - off for mode in COMPARED}
        gains.append((np.unique(found.outcome.replay.cases.learner), gained))
        rows.append(
            [
                str(seed),
                f"{len(found.outcome.replay.cases):,} of {len(found.replay.cases):,}",
                figure(float(off.mean())),
                *(
                    figure(metrics.mean_interval(gained[mode], seed), sign=True)
                    for mode in COMPARED
                ),
                _settings(found),
            ]
        )
    mean = (
        figure(metrics.mean_interval(_over_seeds(gains, mode), 0), sign=True) for mode in COMPARED
    )
    rows.append(["**mean**", "", "", *mean, ""])
    head = ["seed", "cases", "off", "gain", "placebo's gain", "settings other than the defaults"]
    return table(head, rows)


def _over_seeds(
    gains: list[tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]], mode: str
) -> NDArray[np.float64]:
    """Of each learner whom every seed had time for."""
    common = gains[0][0]
    for learner, _ in gains:
        common = np.intersect1d(common, learner)
    rows = [gained[mode][np.searchsorted(learner, common)] for learner, gained in gains]
    return np.asarray(np.mean(rows, axis=0))


def _settings(found: Found) -> str:
    if not found.config.step:
        return "off"
    ours, plain = found.config.to_dict(), Reweighting().to_dict()
    told = [
        f"{name} {value:g}"
        for name, value in ours.items()
        if isinstance(value, float) and value != plain[name]
    ]
    low, usual = (config.strengths["rated_low"] for config in (found.config, Reweighting()))
    return ", ".join([*told, *([f"rated_low {low:g}"] if low != usual else [])])

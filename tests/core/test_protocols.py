"""Which rows are learned from and which are ranked, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommender.core import protocols
from recommender.core.readers import read_folder


def folder(tmp_path: Path, rows: list[str], head: str = "learner,item,order,timestamp") -> Path:
    (tmp_path / "interactions.csv").write_text("\n".join([head, *rows]) + "\n")
    return tmp_path


def test_the_given_parts(tmp_path: Path) -> None:
    rows = ["a,x,0,train", "a,y,1,valid", "a,z,2,test", "b,x,0,train", "b,z,1,test"]
    found = protocols.given(read_folder(folder(tmp_path, rows, "learner,item,order,part")))
    assert found.training.tolist() == [True, False, False, True, False]
    assert found.test.learner.tolist() == [0, 1]
    assert found.test.end.tolist() == [2, 1]  # the context is everything before the target
    assert found.valid.end.tolist() == [1]
    assert found.candidates.tolist() == [False, True, False, False]  # z and y have no training row


def test_global_time_cuts_everybody_at_the_same_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocols, "FEWEST", 1)
    # 20 rows at times 0..19: trained before 15.2, tested from 17.1.
    rows = [
        *(f"a,i{t},{t},{t}" for t in range(14)),
        "b,i0,0,14",
        "b,i1,1,15",
        "b,i2,2,16",  # validation
        "b,i3,3,17",  # between the cuts, too, and later: this is the case
        "b,i4,4,18",
        "b,i0,5,19",  # not new to her: i4 is the last new item
    ]
    data = read_folder(folder(tmp_path, rows))
    found = protocols.global_time(data)
    assert not isinstance(found, str)
    assert found.told["trained_before"] == pytest.approx(15.2)
    assert found.told["tested_from"] == pytest.approx(17.1)
    assert np.flatnonzero(found.training).tolist() == list(range(16))
    assert (found.valid.learner.tolist(), found.valid.end.tolist()) == ([1], [3])
    assert (found.test.learner.tolist(), found.test.end.tolist()) == ([1], [4])
    assert data.items[found.test.target[0] - 1] == "i4"


def test_why_there_is_no_global_split(tmp_path: Path) -> None:
    untimed = read_folder(folder(tmp_path, ["a,x,0", "a,y,1"], "learner,item,order"))
    assert protocols.global_time(untimed) == "no timestamps"
    timed = read_folder(folder(tmp_path, ["a,x,0,7", "a,y,1,7"]))
    assert protocols.global_time(timed) == "too few rows before and after the cuts"

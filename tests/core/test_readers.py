"""Data folders are read as they are meant, and refused with file, line and column."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from recommender.core.errors import BadDataError
from recommender.core.events import ANSWERED, OUTCOMES, RATED
from recommender.core.readers import rating_outcome, read_folder

GOOD = "learner,item,order,timestamp,part\na,x,0,10,train\na,y,1,20,test\nb,x,0,5,train\n"


def folder(tmp_path: Path, interactions: str | bytes = GOOD, **others: str) -> Path:
    content = interactions if isinstance(interactions, bytes) else interactions.encode()
    (tmp_path / "interactions.csv").write_bytes(content)
    for name, text in others.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_rows_become_events(tmp_path: Path) -> None:
    data = read_folder(
        folder(tmp_path, items="item,text,concept\ny,About y,k|m\nx,About x,\nz,,m\n")
    )
    assert data.items == ("y", "x", "z")
    assert data.texts == ("", "About y", "About x", "")
    assert data.log.item.tolist() == [2, 1, 2]
    assert data.log.offsets.tolist() == [0, 2, 3]
    assert data.concepts == ((), (0, 1), (), (1,))
    assert data.part is not None
    assert data.part.tolist() == [0, 2, 0]


def test_answers_bring_outcomes_and_concepts(tmp_path: Path) -> None:
    data = read_folder(
        folder(
            tmp_path,
            "learner,item,order,correct,concept,fold\na,x,0,1,k,1\na,y,1,0,k|m,1\n",
            concepts="concept,text\nk,Kin\n",
        )
    )
    assert data.answered
    assert data.log.behaviour.tolist() == [ANSWERED, ANSWERED]
    assert [OUTCOMES[o] for o in data.log.outcome] == ["right", "wrong"]
    assert data.concept_keys == ("k", "m")
    assert np.isnan(data.log.time).all()


def test_ratings_become_terciles(tmp_path: Path) -> None:
    data = read_folder(folder(tmp_path, "learner,item,order,rating\na,x,0,1\na,y,1,3\na,z,2,5\n"))
    assert (data.log.behaviour == RATED).all()
    assert [OUTCOMES[o] for o in data.log.outcome] == ["rated_low", "rated_mid", "rated_high"]
    one = rating_outcome(np.array([4.0, 4.0, 4.0, 4.0, 5.0, 1.0]), None)
    assert [OUTCOMES[o] for o in one] == ["rated_mid"] * 4 + ["rated_high", "rated_low"]


def test_gzip_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    assert len(read_folder(tmp_path).log) == 3


BAD = {
    "a missing column": ("learner,order\na,0\n", r"interactions.csv: line 1: column item"),
    "no header": ("", r"line 1: the file is empty"),
    "no rows": ("learner,item,order\n", r"line 2: the file holds no interaction"),
    "unsorted learners": (
        "learner,item,order\na,x,0\nb,x,0\na,y,1\n",
        r"line 4: column learner.*sorted",
    ),
    "unsorted order": ("learner,item,order\na,x,3\na,y,1\n", r"line 3: column order.*sorted"),
    "NaN": ("learner,item,order,timestamp\na,x,0,nan\n", r"line 2: column timestamp"),
    "a word for a number": ("learner,item,order,rating\na,x,0,good\n", r"line 2: column rating"),
    "a half order": ("learner,item,order\na,x,0.5\n", r"line 2: column order"),
    "an unknown part": ("learner,item,order,part\na,x,0,dev\n", r"line 2: column part"),
    "a strange answer": ("learner,item,order,correct\na,x,0,2\n", r"line 2: column correct"),
    "a short row": ("learner,item,order\na,x\n", r"line 2: 2 fields, the header has 3"),
    "an empty item": ("learner,item,order\na,,0\n", r"line 2: column item"),
    "an empty learner": ("learner,item,order\n,x,0\n", r"line 2: column learner"),
    "a NUL": (b"learner,item,order\na,x,0\na,y\0z,1\n", r"line 3: a NUL byte"),
    "not UTF-8": (b"learner,item,order\na,x,0\na,\xff,1\n", r"line 3: byte 3 is not UTF-8"),
    "a column twice": ("learner,item,order,item\na,x,0,x\n", r"line 1: a column name"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_bad_rows_are_refused_with_their_place(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(BadDataError, match=message):
        read_folder(folder(tmp_path, content))


def test_an_item_that_the_items_file_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"interactions.csv: line 3: column item: 'y'"):
        read_folder(folder(tmp_path, items="item,text\nx,About x\n"))


def test_an_item_listed_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"items.csv: line 3: column item: x occurs twice"):
        read_folder(folder(tmp_path, items="item,text\nx,a\nx,b\n"))


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress((GOOD + "c,x,0,1,train\n" * 1).encode() * 1)
    (tmp_path / "interactions.csv.gz").write_bytes(packed[:-12])
    with pytest.raises(BadDataError, match=r"interactions.csv.gz: after line \d+: the gzip"):
        read_folder(tmp_path)


def test_what_is_no_gzip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv.gz").write_text(GOOD)
    with pytest.raises(BadDataError, match="gzip"):
        read_folder(tmp_path)


def test_a_folder_without_interactions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"interactions.csv"):
        read_folder(tmp_path)
    with pytest.raises(BadDataError, match="no such folder"):
        read_folder(tmp_path / "nowhere")

"""Texts of a data folder become vectors within a bounded time, and only once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommender.core import encoding
from recommender.core.measure_common import Bar, progress_bar
from recommender.core.readers import DataFolder, read_folder
from recommender.core.text import TextEncoder

LONG = "the long and winding road leads to your door and further on " * 30


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "interactions.csv").write_text("learner,item,order\na,x,0\na,y,1\n")
    (tmp_path / "items.csv").write_text(f"item,text\nx,{LONG}\ny,a short one\nz,\n")
    return read_folder(tmp_path)


@pytest.fixture
def bar() -> Bar:
    with progress_bar() as found:
        return found


def test_all_of_a_text_where_there_is_time(described: DataFolder, bar: Bar) -> None:
    catalogue, how = encoding.encode_texts(described, 30.0, bar)
    assert how == "encoder"
    assert catalogue.text is not None
    exact = TextEncoder.load().encode(described.described)
    assert (catalogue.text * exact).sum(1)[1:3].min() > 0.999
    assert not catalogue.text[3].any()
    again, how = encoding.encode_texts(described, 30.0, bar)
    assert how == "encoder, cached"
    np.testing.assert_array_equal(again.text, catalogue.text)


def test_the_beginning_where_there_is_less(
    described: DataFolder, bar: Bar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "_affordable", lambda *_: (32, True))
    catalogue, how = encoding.encode_texts(described, 30.0, bar)
    assert how == "encoder, first 32 tokens of each text"
    assert catalogue.text is not None
    assert np.linalg.norm(catalogue.text, axis=1)[1:3] == pytest.approx(1, abs=1e-5)
    _, how = encoding.encode_texts(described, 30.0, bar)
    assert how == "encoder, first 32 tokens of each text, cached"


def test_words_where_there_is_none(described: DataFolder, bar: Bar) -> None:
    catalogue, how = encoding.encode_texts(described, 1e-6, bar)
    assert how == "words: no time to encode"
    assert catalogue.encoder == "words"
    assert catalogue.text is not None
    assert catalogue.text.shape[1] == TextEncoder.load().width


def test_the_projection_keeps_who_is_near() -> None:
    texts = ("red fox hunts", "the red fox hunts at night", "linear algebra of matrices")
    vectors = encoding.project(texts, 384)
    cosine = vectors @ vectors.T
    assert cosine[0, 1] > 0.4 > abs(cosine[0, 2])

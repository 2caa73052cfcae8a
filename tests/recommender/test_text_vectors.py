"""Texts of items become vectors: once each, in batches that are kept, again where a text has changed."""

from typing import Any

import numpy as np
import pytest

from content.models import Item, TextVector
from content.selectors import load_vectors
from content.services import compute_text_hashes
from recommender.pipeline import vectors
from recommender.pipeline.vectors import compute_vectors, compute_vectors_once, load_encoder
from recommender.selectors.vectors import count_vectors, lacks_vectors

pytestmark = pytest.mark.django_db


def test_every_text_gets_a_vector_of_unit_length(algebra: Any) -> None:
    assert lacks_vectors()
    assert compute_vectors() == len(algebra.items)
    assert not lacks_vectors()
    encoder = load_encoder()
    hashes = Item.objects.values_list("text_hash", flat=True)
    found = load_vectors(encoder.hash, hashes)
    assert len(found) == len(set(hashes))
    for vector in found.values():
        assert vector.shape == (encoder.width,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert count_vectors() == (encoder.hash, len(found), len(found))


def test_again_encodes_nothing(algebra: Any) -> None:
    compute_vectors()
    before = list(TextVector.objects.order_by("pk").values_list("pk", "created_at"))
    assert compute_vectors() == 0
    assert list(TextVector.objects.order_by("pk").values_list("pk", "created_at")) == before


def test_what_was_done_before_an_interruption_is_kept(
    algebra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "BATCH", 4)
    told: list[tuple[int, int]] = []

    def stop(done: int, of: int) -> None:
        told.append((done, of))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute_vectors(on_progress=stop)
    assert told == [(4, 9)]
    assert TextVector.objects.count() == 4
    assert compute_vectors() == 5


def test_a_changed_text_is_encoded_anew_even_where_its_hash_was_left_behind(algebra: Any) -> None:
    compute_vectors()
    lesson = algebra.items["letters-lesson"]
    Item.objects.filter(pk=lesson.pk).update(title="Numbers with names", text_hash="0" * 64)
    assert compute_vectors() == 1
    lesson.refresh_from_db()
    assert lesson.text_hash != "0" * 64
    assert not lacks_vectors()


def test_the_same_text_twice_is_one_vector(algebra: Any) -> None:
    lesson = algebra.items["letters-lesson"]
    twin = Item.objects.create(
        course=lesson.course, slug="twin", title=lesson.title, kind="lesson", position=99
    )
    twin.concepts.set(lesson.concepts.all())
    assert compute_vectors() == len(algebra.items)
    twin.refresh_from_db()
    lesson.refresh_from_db()
    assert twin.text_hash == lesson.text_hash


def test_of_two_messages_at_once_one_does_the_work(algebra: Any) -> None:
    compute_text_hashes()
    assert vectors.cache.add(vectors._LOCK, "", timeout=60)
    try:
        assert compute_vectors_once() == 0
    finally:
        vectors.cache.delete(vectors._LOCK)
    assert compute_vectors_once() == len(algebra.items)

"""Texts of items become vectors: once each, in batches that are kept, again where a text has changed."""

import importlib.util
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from content.models import Item, TextVector
from content.selectors import load_vectors
from content.services import compute_text_hashes
from recommender.core.text import DEFAULT_PACKAGE, DEFAULT_SHA256
from recommender.pipeline import vectors
from recommender.pipeline.catalogue import add_texts, load_catalogue
from recommender.pipeline.vectors import compute_vectors, compute_vectors_once, load_encoder
from recommender.selectors.leases import is_leased
from recommender.selectors.vectors import count_vectors, lacks_vectors
from recommender.services.leases import claim_lease, release_lease

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_training_reads_the_texts_themselves_too(algebra: Any) -> None:
    compute_text_hashes()
    plain = load_catalogue().catalogue
    catalogue = add_texts(plain)
    assert not plain.texts  # what serves slates doesn't carry them
    for item in Item.objects.all():
        assert item.title in catalogue.texts[catalogue.row_of[str(item.pk)]]


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
    assert claim_lease(name=vectors.LEASE, owner="another", seconds=60)
    assert compute_vectors_once() == 0
    assert is_leased(name=vectors.LEASE)  # nobody but its owner gives it back
    release_lease(name=vectors.LEASE, owner="another")
    assert compute_vectors_once() == len(algebra.items)
    assert not is_leased(name=vectors.LEASE)


def test_the_work_of_a_killed_worker_is_taken_up_when_its_lease_runs_out(algebra: Any) -> None:
    assert claim_lease(name=vectors.LEASE, owner="killed", seconds=0.05)
    time.sleep(0.1)
    assert compute_vectors_once() == len(algebra.items)


@pytest.fixture
def other_encoder(tmp_path: Path) -> Path:
    """The same weights that read shorter pieces, which makes other vectors and so another encoder."""
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    assert spec is not None and spec.origin is not None
    weights = next(Path(spec.origin).parent.rglob("model.safetensors"))
    folder = tmp_path / "encoder"
    shutil.copytree(weights.parent, folder, ignore=shutil.ignore_patterns(weights.name))
    (folder / weights.name).symlink_to(weights)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64}', encoding="utf-8")
    return folder


def test_after_a_change_of_the_encoder_every_text_is_encoded_with_the_new_one(
    algebra: Any, settings: Any, other_encoder: Path
) -> None:
    compute_vectors_once()
    before = load_encoder()
    assert not lacks_vectors()

    settings.TEXT_ENCODER, settings.TEXT_ENCODER_SHA256 = str(other_encoder), DEFAULT_SHA256
    assert lacks_vectors()  # which the sweeper asks; no run is needed
    assert compute_vectors_once() == len(algebra.items)

    assert not lacks_vectors()
    after = load_encoder()
    assert after.hash != before.hash
    assert count_vectors().encoder == after.hash
    # A version that was trained on the former encoder's vectors goes on with them.
    for encoder in (before, after):
        text = load_catalogue(encoder=encoder.hash).catalogue.text
        assert text is not None and np.linalg.norm(text[1:], axis=1) == pytest.approx(1, abs=1e-5)


def test_an_encoder_that_is_not_there_is_logged_and_leaves_the_old_vectors(
    algebra: Any, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compute_vectors_once()
    settings.TEXT_ENCODER = str(tmp_path / "nowhere")
    assert compute_vectors_once() == 0
    assert "encoder cannot be loaded" in caplog.text
    assert TextVector.objects.count() == len(algebra.items)
    assert lacks_vectors()

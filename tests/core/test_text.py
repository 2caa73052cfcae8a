"""The real encoder: verified, nothing cut off, n-grams where it does not know the language."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from recommender.core.errors import CorruptArtefact, IncompatibleArtefact
from recommender.core.text import DEFAULT_SHA256, TextEncoder, ngram_vector, text_hash


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load()


def test_texts_of_like_meaning_are_near(encoder: TextEncoder) -> None:
    vectors = encoder.encode(
        ["Solving linear equations", "How to solve for x in an equation", "Treating a burn"]
    )
    assert vectors.shape == (3, encoder.width)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_the_end_of_a_long_text_counts(encoder: TextEncoder) -> None:
    start = "Fractions are parts of a whole number. " * 60
    calm, storm = encoder.encode(
        [start + "Adding them is easy. " * 40, start + "A storm sank the ship. " * 40]
    )
    assert calm @ storm < 0.99
    two = encoder.encode([start * 2])[0]
    assert two @ encoder.encode([start])[0] > 0.98


def test_a_vector_does_not_depend_on_its_batch(encoder: TextEncoder) -> None:
    texts = ["one short text", "a much longer text about the heart and its valves " * 12]
    together = encoder.encode(texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], vector, atol=1e-5)


def test_chinese_falls_back_to_character_ngrams(encoder: TextEncoder) -> None:
    texts = ["如何处理烧伤和烫伤", "烧伤的急救处理", "解一元一次方程"]
    vectors = encoder.encode(texts)
    np.testing.assert_allclose(vectors[0], ngram_vector(texts[0], encoder.width), atol=1e-6)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_a_blank_text_has_a_zero_row(encoder: TextEncoder) -> None:
    assert not encoder.encode(["", "  \n"]).any()
    assert encoder.encode([]).shape == (0, encoder.width)


def test_progress_counts_chunks(encoder: TextEncoder) -> None:
    told: list[tuple[int, int]] = []
    encoder.encode(
        ["a", "b", "word " * 600], on_progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (5, 5)  # 600 words are three chunks


def test_altered_weights_are_refused_before_they_are_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(TextEncoder.load()._folder, folder)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(CorruptArtefact, match="SHA-256"):
        TextEncoder.load(folder, DEFAULT_SHA256)
    with pytest.raises(IncompatibleArtefact, match="needs its SHA-256"):
        TextEncoder.load(folder)
    weights.unlink()
    with pytest.raises(IncompatibleArtefact, match="missing"):
        TextEncoder.load(folder, DEFAULT_SHA256)


def test_another_model_is_named_by_folder_and_pin(encoder: TextEncoder) -> None:
    again = TextEncoder.load(encoder._folder, DEFAULT_SHA256.upper())
    assert again.hash == encoder.hash
    with pytest.raises(IncompatibleArtefact, match="no local model"):
        TextEncoder.load("nobody/no-such-model", "0" * 64)


def test_the_hash_of_a_text_is_the_same_for_both_ways_to_write_an_accent() -> None:
    assert text_hash("caf\u00e9") == text_hash("cafe\u0301")
    assert text_hash("a") != text_hash("b")

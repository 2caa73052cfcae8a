"""TF-IDF against numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from recommender.core import words


def test_words_of_scripts_with_and_without_spaces() -> None:
    assert words.split_words("The C-major scale, a 2nd time") == [
        *("the", "major", "scale", "2nd", "time")
    ]
    assert words.split_words("二次方程") == ["二次", "次方", "方程"]
    assert words.split_words("") == []


def test_weights_by_hand() -> None:
    found = words.tfidf(["", "red red fox", "red hen"])
    # idf: red in 2 of 3 texts, fox and hen in 1; red counts 1 + ln 2 in the first text.
    common, rare = np.log(4 / 3) + 1, np.log(4 / 2) + 1
    first = np.array([(1 + np.log(2)) * common, rare, 0])
    second = np.array([common, 0, rare])
    expected = np.stack(
        [np.zeros(3), first / np.hypot(*first[:2]), second / np.hypot(common, rare)]
    )
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-6)


def test_similar_items_without_themselves() -> None:
    vectors = words.tfidf(["", "red fox", "red fox hunt", "blue hen", "hen"])
    index, value = words.similar(vectors, 2, block=2)
    assert index[1, 0] == 2
    assert index[3, 0] == 4
    cosine = (vectors @ vectors.T).toarray()
    np.testing.assert_allclose(value[1, 0], cosine[1, 2], atol=1e-6)
    assert not value[0].any()


def test_the_commonest_words_go_where_there_is_no_time() -> None:
    texts = [f"the word{n % 7}" for n in range(50)]
    assert words.tfidf(texts).shape[1] == 8
    assert words.tfidf(texts, work=1000).shape[1] == 7

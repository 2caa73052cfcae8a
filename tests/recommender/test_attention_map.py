"""Where attention lay when a slate was made: kept in a few bytes, told to her, in part to her teacher, to nobody else."""

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from attention_ledger import newest_slate
from common.privacy import registered_personal_data
from hypothesis import given
from hypothesis import strategies as st

from content.models import Course
from learners.models import Event
from recommender.core.features import make_batch
from recommender.core.serving import Recommender
from recommender.models import Slate
from recommender.selectors.attention_map import find_map
from recommender.storage import ATTENDED, pack_attention, unpack_attention

pytestmark = pytest.mark.django_db


@given(st.integers(1, 4), st.integers(1, ATTENDED), st.integers(0, 2**32 - 1))
def test_shares_come_back_in_a_few_bytes(heads: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    share = rng.random((3, heads, width)) ** 3
    beginning = rng.random((3, heads))
    position = rng.integers(-1, 600, (3, heads, width))
    packed = pack_attention(beginning, position, share)
    assert {len(one) for one in packed} == {1 + heads * (1 + 3 * width)}
    for number, one in enumerate(packed):
        found = unpack_attention(memoryview(one))
        assert found is not None
        assert found.position.tolist() == position[number].tolist()
        np.testing.assert_allclose(found.beginning, beginning[number], atol=0.004)
        told = np.where(position[number] < 0, 0.0, share[number])
        np.testing.assert_allclose(found.share, told, atol=0.004)


def test_wrong_shapes_are_refused_and_nothing_is_nothing() -> None:
    ones = np.ones((1, 1, ATTENDED + 1))
    with pytest.raises(ValueError, match="at most 8 shares"):
        pack_attention(np.ones((1, 1)), ones.astype(int), ones)
    with pytest.raises(ValueError, match="must be"):
        pack_attention(np.ones((1, 2)), ones[..., :2].astype(int), ones[..., :2])
    with pytest.raises(ValueError, match="16 bits"):
        pack_attention(np.ones((1, 1)), np.full((1, 1, 1), 70_000), np.ones((1, 1, 1)))
    assert unpack_attention(b"") is None


def test_a_refresh_keeps_what_the_model_attended_to(
    studied: Slate, alice: Any, trained_version: Any
) -> None:
    from practice_course import _catalogue

    from learners.selectors import read_history
    from recommender.pipeline.history import to_log

    found = unpack_attention(studied.attention)
    assert found is not None
    bound = Recommender.load(trained_version, device="cpu").bind(_catalogue())
    log = to_log(
        [read_history([alice.pk], 512)], {int(k): r for k, r in bound.catalogue.row_of.items()}
    )
    batch = make_batch(log, np.array([0]), None, bound.model.config.length)
    alpha = bound.model.explain(batch, bound.vectors).alpha[0].detach().numpy()  # [H, L + 1]
    np.testing.assert_allclose(found.beginning, alpha[:, 0], atol=0.004)
    for head, row in enumerate(alpha):
        shares = dict(zip(found.position[head].tolist(), found.share[head].tolist(), strict=True))
        assert shares == pytest.approx(dict(enumerate(row[1:].tolist())), abs=0.004)
    assert len(studied.attention) < 1 + len(alpha) * (1 + 3 * ATTENDED) + 1


def test_she_reads_the_map_of_her_list(studied: Slate, api: Callable[..., Any], alice: Any) -> None:
    answer = api(alice).get(f"/api/v1/recommendations/{studied.pk}/attention/")
    assert answer.status_code == 200
    told = answer.json()
    assert told["slate"] == str(studied.pk)
    assert {each["item"]["slug"] for each in told["events"]} == {
        *("practice-0", "practice-11", "practice-12", "practice-13"),
    }
    for head in range(told["heads"]):
        shares = [each["shares"][head] for each in told["events"]]
        whole = sum(shares) + told["beginning"][head] + told["rest"][head]
        assert whole == pytest.approx(1.0, abs=0.03)
        assert told["rest"][head] < 0.03
    assert [each["success"] for each in told["events"] if each["verb"] == "completed"] == [None]
    spoken = [each for event in told["events"] for each in event["speaks_for"]]
    assert spoken and all(0.1 <= each["share"] <= 1 for each in spoken)
    listed = {entry["item"] for entry in newest_slate(alice).entries}
    assert listed


def test_nobody_else_reads_it(
    studied: Slate, api: Callable[..., Any], charlie: Any, bob: Any, olga: Any
) -> None:
    address = f"/api/v1/recommendations/{studied.pk}/attention/"
    for person in (charlie, bob, olga):
        assert api(person).get(address).status_code == 404
    assert api().get(address).status_code == 401


def test_slates_from_before_and_unknown_ones_have_none(
    studied: Slate, api: Callable[..., Any], alice: Any
) -> None:
    Slate.objects.filter(pk=studied.pk).update(attention=b"")
    for key in (studied.pk, uuid.uuid4()):
        assert api(alice).get(f"/api/v1/recommendations/{key}/attention/").status_code == 404
    assert find_map(learner_id=alice.pk) is None


def test_a_teacher_sees_what_is_of_her_courses(
    studied: Slate, alice: Any, training_ground: SimpleNamespace
) -> None:
    other = Course.objects.create(slug="other", title="Other")
    whole = find_map(learner_id=alice.pk)
    assert find_map(learner_id=alice.pk, course_ids=[training_ground.course.pk]) == whole
    none = find_map(learner_id=alice.pk, course_ids=[other.pk])
    assert none is not None and none.events == []
    assert none.rest == pytest.approx([1 - share for share in none.beginning])


def test_events_that_are_gone_are_not_told(studied: Slate, alice: Any) -> None:
    Event.objects.filter(actor=alice, item__slug="practice-13").delete()
    found = find_map(learner_id=alice.pk)
    assert found is not None
    assert {event.slug for event in found.events} == {"practice-0", "practice-11", "practice-12"}
    assert max(found.rest) > 0.01


def test_the_export_has_it(studied: Slate, alice: Any) -> None:
    (entry,) = (each for each in registered_personal_data() if each.app == "recommender")
    (slate,) = [each for each in dict(entry.export(alice.pk))["slates"] if each["attention"]]
    assert slate["slate"] == str(studied.pk)
    events = set(Event.objects.filter(actor=alice).values_list("pk", flat=True))
    for head in slate["attention"]:
        assert {each["event"] for each in head["events"]} == events
        assert head["beginning"] + sum(each["share"] for each in head["events"]) > 0.95

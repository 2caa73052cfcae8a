"""`me/attention/`: a learner reads and changes what counts for her; her teacher looks; nobody else does."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from learners.models import Group, LearnerState
from recommender.models import AttentionProfile, Feedback, Slate
from recommender.selectors.attention_view import sum_up_attention

URL = "/api/v1/me/attention/"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_exploration")]


@pytest.fixture
def hers(alice: Any, studied: Slate, api: Callable[..., Any]) -> Any:
    """Alice's client; she has studied and has a slate of the model."""
    return api(alice)


@pytest.fixture
def say(hers: Any) -> Callable[..., tuple[str, str]]:
    """Let Alice say something of an item; returns slate and feedback."""

    def send(signal: str, place: int = 14) -> tuple[str, str]:
        slate = hers.get("/api/v1/recommendations/").json()["slate"]
        body = {"item": f"practice-{place}", "signal": signal, "comment": "for nobody else"}
        answer = hers.post(f"/api/v1/recommendations/{slate}/feedback/", body, format="json")
        assert answer.status_code == 202, answer.content
        return slate, answer.json()["id"]

    return send


def listed(client: Any) -> list[str]:
    items = client.get("/api/v1/recommendations/", {"limit": 100}).json()["items"]
    return [item["item"]["slug"] for item in items]


def scored(client: Any) -> dict[str, float]:
    """What the model makes of each item, to the figures that a clock going on may change."""
    items = client.get("/api/v1/recommendations/", {"limit": 100}).json()["items"]
    return {item["item"]["slug"]: round(item["score"], 3) for item in items}


def weights(client: Any) -> dict[str, float]:
    return {each["id"]: each["weight"] for each in client.get(URL).json()["features"]}


def test_it_tells_what_moved_and_why(
    hers: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    slate, uid = say("not_helpful")
    assert hers.get(URL).json()["stale"] is True
    refresh()
    body = hers.get(URL).json()
    assert (body["stale"], body["paused"], body["target_success"]) == (False, False, 0.7)
    by_id = {each["id"]: each for each in body["features"]}
    topic = by_id["concept:practising"]
    assert (topic["family"], topic["name"]) == ("concept", "Practising")
    assert 0.25 <= topic["weight"] < 1
    assert (topic["low"], topic["high"], topic["limited"]) == (0.25, 4.0, False)
    assert by_id["kind:exercise"]["name"] == "exercise"
    (move,) = topic["moved_by"]
    assert move["factor"] == pytest.approx(topic["weight"], abs=1e-3)
    said = {
        "id": uid,
        "slate": slate,
        "item": {"slug": "practice-14", "title": "Practice 14"},
        "signal": "not_helpful",
    }
    assert said.items() <= move["feedback"].items()
    assert [said["id"]] == [each["id"] for each in body["feedback"]]


def test_names_are_in_the_readers_language(
    hers: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    say("helpful")
    refresh()
    body = hers.get(URL, headers={"accept-language": "zh-hans"}).json()
    names = {each["id"]: each["name"] for each in body["features"]}
    assert names["kind:exercise"] == "练习"


def test_nobody_has_said_anything(hers: Any) -> None:
    body = hers.get(URL).json()
    assert (body["features"], body["feedback"], body["computed_at"]) == ([], [], None)
    assert body["stale"] is False


def test_undo(hers: Any, say: Callable[..., Any], refresh: Callable[[], Any]) -> None:
    before = listed(hers)
    slate, uid = say("known")
    refresh()
    assert "practice-14" not in listed(hers)
    for _twice in range(2):
        answer = hers.delete(f"/api/v1/recommendations/{slate}/feedback/{uid}/")
        assert answer.status_code == 204, answer.content
    assert "practice-14" in listed(hers) or hers.get(URL).json()["stale"]
    refresh()
    assert listed(hers) == before
    assert weights(hers) == {}


def test_undo_is_for_ones_own_feedback_only(
    charlie: Any, api: Callable[..., Any], hers: Any, say: Callable[..., Any]
) -> None:
    slate, uid = say("known")
    for client, address in (
        (api(charlie), f"{slate}/feedback/{uid}/"),
        (hers, f"{uuid.uuid4()}/feedback/{uid}/"),
        (hers, f"{slate}/feedback/{uuid.uuid4()}/"),
    ):
        assert client.delete(f"/api/v1/recommendations/{address}").status_code == 404
    assert Feedback.objects.get().withdrawn_at is None
    Slate.objects.filter(pk=slate).delete()  # pruned after 90 days
    assert hers.delete(f"/api/v1/recommendations/{slate}/feedback/{uid}/").status_code == 204


def test_sliders_and_pause(hers: Any, alice: Any, refresh: Callable[[], Any]) -> None:
    before = scored(hers)

    def dirt() -> int:
        return LearnerState.objects.get(learner=alice).dirty_seq

    count = dirt()
    change = {
        "weights": {"kind:lesson": 4, "concept:practising": 0.5},
        "limits": {"behaviour:rated": [1, 2]},
    }
    answer = hers.patch(URL, change, format="json")
    assert answer.status_code == 200, answer.content
    assert dirt() == count + 1
    at_once = {each["id"]: each["weight"] for each in answer.json()["features"]}
    assert at_once == {"kind:lesson": 4.0, "concept:practising": 0.5, "behaviour:rated": 1.0}
    refresh()
    assert weights(hers) == at_once
    assert scored(hers) != before
    assert hers.patch(URL, {"paused": True}, format="json").json()["paused"] is True
    refresh()
    assert scored(hers) == before
    given_back = {
        "weights": {"kind:lesson": None},
        "limits": {"behaviour:rated": None},
        "paused": False,
    }
    assert hers.patch(URL, given_back, format="json").status_code == 200
    refresh()
    assert weights(hers) == {"concept:practising": 0.5}
    count = dirt()
    assert hers.patch(URL, {}, format="json").status_code == 200
    assert dirt() == count


def test_reset(hers: Any, say: Callable[..., Any], refresh: Callable[[], Any]) -> None:
    before = scored(hers)
    say("known", 15)
    say("not_helpful", 14)
    hers.patch(URL, {"weights": {"kind:lesson": 4}}, format="json")
    refresh()
    assert scored(hers) != before
    assert hers.delete(URL).status_code == 204
    refresh()
    assert scored(hers) == before
    body = hers.get(URL).json()
    assert (body["features"], body["feedback"]) == ([], [])
    assert body["reset_at"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"weights": {"kind:lesson": 4.01}}, "weights.kind:lesson"),
        ({"weights": {"kind:lesson": 0.2}}, "weights.kind:lesson"),
        ({"weights": {"kind:lesson": "2"}}, "weights.kind:lesson"),
        ({"weights": {"kind:lesson": True}}, "weights.kind:lesson"),
        ({"weights": {"kind:lesson": [1]}}, "weights.kind:lesson"),
        ({"weights": {"kind:song": 2}}, "weights.kind:song"),
        ({"weights": {"concept:nowhere": 2}}, "weights.concept:nowhere"),
        ({"weights": {"behaviour:shown": 2}}, "weights.behaviour:shown"),
        ({"weights": {"mood:good": 2}}, "weights"),
        ({"weights": {"": 2}}, "weights"),
        ({"weights": {"concept:\x00": 2}}, "weights"),
        ({"weights": {"item:\ud800": "x"}}, "weights"),
        ({"weights": [1]}, "weights"),
        ({"weights": {f"kind:{number}": 1 for number in range(201)}}, "weights"),
        ({"limits": {"kind:lesson": [2, 1]}}, "limits.kind:lesson"),
        ({"limits": {"kind:lesson": [1]}}, "limits.kind:lesson"),
        ({"limits": {"kind:lesson": 1}}, "limits.kind:lesson"),
        ({"limits": {"kind:lesson": [0.1, 1]}}, "limits.kind:lesson"),
        ({"limits": {"kind:lesson": [1, 2]}, "weights": {"kind:lesson": 1}}, "limits.kind:lesson"),
        ({"paused": "perhaps"}, "paused"),
        ({"paused": 1}, "paused"),
        ({"paused": None}, "paused"),
    ],
)
def test_bad_input(hers: Any, change: dict[str, Any], field: str) -> None:
    answer = hers.patch(URL, json.dumps(change), content_type="application/json")
    assert answer.status_code == 400, answer.content
    fields = answer.json()["error"]["fields"]
    assert any(path == field or path.startswith(f"{field}.") for path in fields), fields
    assert not AttentionProfile.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '"x"',
        "{",
        '{"weights": {"kind:lesson": NaN}}',
        '{"weights": {"kind:lesson": 1e999}}',
    ],
)
def test_bodies_that_are_no_object(hers: Any, body: str) -> None:
    answer = hers.patch(URL, body, content_type="application/json")
    assert answer.status_code == (200 if body == "" else 400), answer.content
    assert not AttentionProfile.objects.exists()


def test_anonymous_people_have_no_profile(client: Any, db: None) -> None:
    assert client.get(URL).status_code == 401
    assert client.delete(URL).status_code == 401


def test_everybody_else_sees_nothing_of_hers(
    alice: Any,
    charlie: Any,
    olga: Any,
    api: Callable[..., Any],
    hers: Any,
    say: Callable[..., Any],
    refresh: Callable[[], Any],
) -> None:
    say("not_helpful")
    refresh()
    group = Group.objects.get()
    for other in (charlie, olga):
        assert api(other).get(URL).json()["features"] == []
        assert api(other).delete(URL).status_code == 204
    assert weights(hers)
    address = f"/api/v1/groups/{group.pk}/learners/{alice.pk}/attention/"
    assert api(charlie).get(address).status_code == 403
    assert hers.get(address).status_code == 403


def test_her_teacher_looks_and_changes_nothing(
    alice: Any,
    bob: Any,
    ada: Any,
    api: Callable[..., Any],
    hers: Any,
    say: Callable[..., Any],
    refresh: Callable[[], Any],
) -> None:
    say("not_helpful")
    refresh()
    group = Group.objects.get()
    address = f"/api/v1/groups/{group.pk}/learners/{alice.pk}/attention/"
    body = api(bob).get(address).json()
    assert body == hers.get(URL).json()
    assert "for nobody else" not in json.dumps(body)
    for method in ("patch", "delete", "post", "put"):
        assert getattr(api(bob), method)(address).status_code == 405
    # Of another teacher's course he is told nothing.
    group.courses.clear()
    alone = api(bob).get(address).json()
    assert not any(each["id"].startswith(("concept:", "item:")) for each in alone["features"])
    assert not any(each["moved_by"] for each in alone["features"])
    assert alone["feedback"] == []


def test_another_teacher_finds_nobody(
    alice: Any, person: Callable[..., Any], api: Callable[..., Any], hers: Any
) -> None:
    group = Group.objects.get()
    address = f"/api/v1/groups/{group.pk}/learners/{alice.pk}/attention/"
    assert api(person("bruno", role="teacher")).get(address).status_code == 404


def test_sums_name_nobody(hers: Any, say: Callable[..., Any], refresh: Callable[[], Any]) -> None:
    say("helpful", 14)
    say("known", 15)
    hers.patch(URL, {"paused": True}, format="json")
    refresh()
    sums = sum_up_attention()
    counts = {each["signal"]: each["count"] for each in sums["feedback"] if each["count"]}
    assert counts == {"helpful": 1, "known": 1}
    assert (sums["learners"], sums["paused"], sums["limited"], sums["people"]) == (1, 1, 0, 1)

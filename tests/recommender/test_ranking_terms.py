"""Operators switch terms of the ranking off and on: what a list then does without, who may, and what is kept of it."""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from common.api.errors import Refused
from connections import all_at_once
from django.db import transaction
from django.test import Client

from learners.models import User
from recommender.effects import Effect, read_effects
from recommender.models import Feedback, RankingChange, Slate
from recommender.selectors.terms import read_switched_off
from recommender.services.terms import switch_terms
from recommender.simulation.world import list_shipped
from recommender.storage import unpack_contributions
from recommender.terms import Term

PAGE = "/admin/recommender/rankingchange/"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def sign_in(settings: Any) -> Callable[[User], Client]:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }

    def make(person: User) -> Client:
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def listed(
    alice: User,
    group: Any,
    activate: Callable[[], Any],
    did: Callable[..., Any],
    refresh: Callable[..., Any],
    without_exploration: None,
) -> Callable[..., dict[str, Any]]:
    """The entries, by slug, of a list made with these terms switched off; Alice fails at equations, whose lesson she read."""
    activate()
    did(alice, "completed", "letters-lesson", ago=4 * DAY)
    did(alice, "completed", "equations-lesson", ago=3 * DAY)
    for hours in (4, 3, 2):
        did(alice, "answered", "equations-one", right=False, ago=hours * HOUR)

    def make(*off: Term) -> dict[str, Any]:
        switch_terms(off=off, by=None)
        did(alice, "viewed", "graphs-lesson")
        refresh()
        slate = Slate.objects.filter(learner=alice, source="model").latest("computed_at")
        slugs = dict(group.courses.get(slug="algebra").items.values_list("pk", "slug"))
        return {slugs[e["item"]]: e for e in slate.entries if e["item"] in slugs}

    return make


def terms(entries: dict[str, Any], name: str) -> set[str]:
    return {slug for slug, entry in entries.items() if entry["terms"].get(name)}


def reasons(entries: dict[str, Any], code: str) -> set[str]:
    return {
        slug
        for slug, entry in entries.items()
        if code in {reason["code"] for reason in entry["reasons"]}
    }


def test_what_is_switched_off_is_in_no_list_any_more(listed: Callable[..., dict[str, Any]]) -> None:
    whole = listed()
    for name in ("affinity", "practice", "teach_first", "remedial", "prerequisites"):
        assert terms(whole, name), name
    assert reasons(whole, "reteaching") == {"equations-lesson"}
    assert reasons(whole, "prerequisite") >= {"letters-lesson"}

    assert not terms(listed(Term.AFFINITY), "affinity")
    assert not terms(listed(Term.PRACTICE), "practice")
    assert not terms(listed(Term.PREREQUISITES), "prerequisites")
    calm = listed(Term.REMEDIES)
    assert not terms(calm, "remedial") and not reasons(calm, "prerequisite")
    assert "letters-lesson" not in calm  # it was listed as a remedy only
    once = listed(Term.RETEACHING)
    assert "equations-lesson" not in once
    plain = listed(Term.LESSONS_FIRST)
    assert not reasons(plain, "introduction")
    assert terms(plain, "teach_first") == {"equations-lesson"}
    again = listed()
    assert again.keys() == whole.keys()
    for code in ("reteaching", "prerequisite", "introduction"):
        assert reasons(again, code) == reasons(whole, code), code


def test_without_affinity_no_event_is_said_to_have_led_to_anything(
    alice: User, api: Callable[..., Any], listed: Callable[..., dict[str, Any]]
) -> None:
    def codes(slate: Slate) -> list[set[str]]:
        return [{reason["code"] for reason in entry["reasons"]} for entry in slate.entries]

    listed()
    assert any("history" in each for each in codes(Slate.objects.latest("computed_at")))
    slugs = listed(Term.AFFINITY)
    slate = Slate.objects.latest("computed_at")
    assert all(codes(slate)) and not any("history" in each for each in codes(slate))
    assert any("reteaching" in each for each in codes(slate))
    positions, _shares = unpack_contributions(slate.contributions)
    assert len(positions) == len(slate.entries) and (positions == -1).all()
    said = {"item": next(iter(slugs)), "signal": "not_helpful"}
    api(alice).post(f"/api/v1/recommendations/{slate.pk}/feedback/", said, format="json")
    assert Feedback.objects.get().contributions == []


def test_predictions_are_told_without_counting(listed: Callable[..., dict[str, Any]]) -> None:
    told = listed(Term.PRACTICE)
    assert any(entry["success"] is not None for entry in told.values())


def test_an_operator_reads_and_switches(olga: User, sign_in: Callable[[User], Client]) -> None:
    operator = sign_in(olga)
    page = operator.get(PAGE).content.decode()
    assert page.count('type="checkbox"') == page.count(" checked>") == len(Term)
    assert "Nobody has changed anything yet" in page
    figure = read_effects().by_term[Term.READINESS][0]
    assert f"{figure.value:+.3f}" in page and figure.world in page
    on = [term.value for term in Term if term is not Term.MEMORY]
    assert operator.post(f"{PAGE}save/", {"seen": "0", "term": on}).url == PAGE
    assert read_switched_off() == {Term.MEMORY}
    assert RankingChange.objects.get().by == olga
    page = operator.get(PAGE).content.decode()
    assert page.count(" checked>") == len(Term) - 1
    assert "switched off: What fades comes first" in page


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(
    olga: User, sign_in: Callable[[User], Client]
) -> None:
    operator = sign_in(olga)
    switch_terms(off=[Term.REMEDIES], by=None)
    answer = operator.post(f"{PAGE}save/", {"seen": "0", "term": []}, follow=True)
    assert "Somebody has changed the ranking meanwhile." in answer.content.decode()
    assert read_switched_off() == {Term.REMEDIES}
    with pytest.raises(Refused):
        switch_terms(off=[], by=olga, seen=0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [[], [Term.REMEDIES]], ids=["nothing changed yet", "changed"])
def test_of_two_changes_at_once_one_is_refused(before: list[Term]) -> None:
    switch_terms(off=before, by=None)
    seen = RankingChange.objects.values_list("pk", flat=True).first() or 0
    refused = []

    def switch_off(term: Term) -> None:
        try:
            with transaction.atomic():
                switch_terms(off=[term], by=None, seen=seen)
                time.sleep(0.3)  # the other begins before this one is committed
        except Refused:
            refused.append(term)

    all_at_once([partial(switch_off, Term.MEMORY), partial(switch_off, Term.AFFINITY)])
    assert len(refused) == 1
    assert read_switched_off() == {Term.MEMORY, Term.AFFINITY} - set(refused)


def test_every_change_is_kept_and_no_other(olga: User) -> None:
    assert not switch_terms(off=[], by=olga)
    assert switch_terms(off=[Term.MEMORY, Term.AFFINITY], by=olga)
    assert not switch_terms(off=[Term.AFFINITY, Term.MEMORY], by=olga)
    assert switch_terms(off=[], by=olga)
    kept = RankingChange.objects.values_list("switched_off", flat=True)
    assert list(kept) == [[], ["affinity", "memory"]]


def test_names_of_another_release_are_ignored() -> None:
    RankingChange.objects.create(switched_off=["memory", "astrology"])
    assert read_switched_off() == {Term.MEMORY}


def test_nobody_else_may(
    alice: User, bob: User, charlie: User, sign_in: Callable[[User], Client]
) -> None:
    for person in (alice, bob, charlie):
        client = sign_in(person)
        for answer in (client.get(PAGE), client.post(f"{PAGE}save/", {"seen": "0"})):
            assert answer.status_code in {302, 403}
            assert "/login" in answer.get("Location", "/login")
    assert not RankingChange.objects.exists()


def test_every_term_has_a_figure_in_every_world() -> None:
    effects = read_effects()
    assert set(effects.by_term) == set(Term)
    for told in effects.by_term.values():
        assert {each.world for each in told} == {path.stem for path in list_shipped()}
        assert all(each.low <= each.value <= each.high for each in told)


def test_only_what_holds_among_all_figures_is_bold(
    olga: User, sign_in: Callable[[User], Client]
) -> None:
    effects = read_effects()
    assert effects.count == len(Term) * len(list_shipped())
    alone = [e for told in effects.by_term.values() for e in told if e.is_sure(among=1)]
    sure = [each for each in alone if each.is_sure(among=effects.count)]
    assert 0 < len(sure) < len(alone)
    page = sign_in(olga).get(PAGE).content.decode()
    assert re.findall(r"<strong>([+-][0-9.]+)</strong>", page) == [f"{e.value:+.3f}" for e in sure]


@pytest.mark.parametrize("sign", [1, -1])
def test_an_interval_is_stretched_by_how_many_there_are(sign: int) -> None:
    low, high = sorted((sign * 0.5, sign * 2.0))
    effect = Effect("anywhere", sign * 1.0, low, high)
    # Nothing is twice as far off as the nearer end; for 800 the sides are 2.04 times as long.
    assert effect.is_sure(among=1) and effect.is_sure(among=300)
    assert not effect.is_sure(among=800)
    assert not Effect("anywhere", 0.0, 0.0, 0.0).is_sure(among=1)

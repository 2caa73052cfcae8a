"""Leases: one owner at a time, kept alive by a heartbeat, free again soon after the owner has died."""

import time
from typing import Any

import pytest
from django.db import transaction

from recommender.pipeline.heartbeat import Heartbeat, hold_lease
from recommender.selectors.leases import is_leased
from recommender.services.leases import (
    LostLease,
    claim_lease,
    release_lease,
    renew_lease,
    require_lease,
)
from tests.recommender.connections import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_owner_at_a_time() -> None:
    assert claim_lease(name="work", owner="one", seconds=60)
    assert is_leased(name="work")
    assert not claim_lease(name="work", owner="two", seconds=60)
    assert claim_lease(name="other work", owner="two", seconds=60)
    release_lease(name="work", owner="one")
    assert not is_leased(name="work")
    assert claim_lease(name="work", owner="two", seconds=60)


def test_who_lost_it_neither_renews_nor_releases_nor_writes() -> None:
    claim_lease(name="work", owner="killed", seconds=0.05)
    time.sleep(0.1)
    assert not is_leased(name="work")
    assert claim_lease(name="work", owner="next", seconds=60)
    with pytest.raises(LostLease):
        renew_lease(name="work", owner="killed", seconds=60)
    with pytest.raises(LostLease), transaction.atomic():
        require_lease(name="work", owner="killed")
    release_lease(name="work", owner="killed")
    with transaction.atomic():
        require_lease(name="work", owner="next")


def test_of_many_that_claim_at_once_one_gets_it() -> None:
    got: list[bool] = []
    all_at_once(
        [
            lambda owner=owner: got.append(claim_lease(name="work", owner=owner, seconds=60))  # type: ignore[misc]
            for owner in ("one", "two", "three", "four")
        ]
    )
    assert sorted(got) == [False, False, False, True]


def test_a_step_that_takes_longer_than_the_lease_does_not_lose_it(settings: Any) -> None:
    settings.LEASE_SECONDS = 1
    with hold_lease("work") as held:
        assert held is not None
        _owner, heartbeat = held
        deadline = time.monotonic() + 2.5
        while (
            time.monotonic() < deadline
        ):  # one long step: nobody asks, nobody renews but the heartbeat
            assert not claim_lease(name="work", owner="another", seconds=60)
            time.sleep(0.1)
        heartbeat.check()
    assert not is_leased(name="work")


def test_who_was_robbed_hears_of_it(settings: Any) -> None:
    settings.LEASE_SECONDS = 1
    with hold_lease("work") as held:
        assert held is not None
        owner, heartbeat = held
        release_lease(name="work", owner=owner)
        assert claim_lease(name="work", owner="another", seconds=60)
        time.sleep(0.7)
        with pytest.raises(LostLease):
            heartbeat.check()
    assert is_leased(name="work")  # leaving gives back nothing of another's


def test_without_a_database_it_counts_as_lost_when_it_would_have_run_out() -> None:
    def away() -> None:
        raise ConnectionError("no database")

    with Heartbeat(away, name="work", every=0.05, lease_seconds=0.3) as heartbeat:
        time.sleep(0.1)
        heartbeat.check()
        time.sleep(0.4)
        assert heartbeat.lost


def test_work_that_hangs_for_ever_is_no_longer_held() -> None:
    beats = []
    with Heartbeat(
        lambda: beats.append(1), name="work", every=0.02, lease_seconds=0.2, at_most=0.1
    ) as heartbeat:
        time.sleep(0.5)
        assert heartbeat.lost
    assert 1 <= len(beats) <= 6

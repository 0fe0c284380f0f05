from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from citadel.identity import PrivateKey, SpiffeId, Svid
from citadel.rotation import RotationSchedule
from tests.citadel.pki import DOMAIN, NOW, RATINGS, REVIEWS

DAY = timedelta(hours=24)


def an_svid(identity: SpiffeId = REVIEWS, *, now: datetime = NOW, ttl: timedelta = DAY) -> Svid:
    return Svid(identity, (b"leaf",), PrivateKey(b"key"), now - timedelta(minutes=2), now + ttl)


def a_schedule(chance: float = 0.5) -> RotationSchedule:
    return RotationSchedule(random=lambda: chance)


def test_an_svid_is_due_in_the_middle_of_its_life() -> None:
    schedule = a_schedule()
    assert schedule.put(an_svid(), NOW) == NOW + DAY / 2
    assert schedule.due(NOW + DAY / 2 - timedelta(seconds=1)) == ()
    assert schedule.due(NOW + DAY / 2) == (REVIEWS,)
    assert schedule.next_due() == NOW + DAY / 2


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_is_a_hundredth_of_the_life_either_way(chance: float) -> None:
    due = a_schedule(chance).put(an_svid(), NOW)
    assert NOW + DAY * 0.489 < due < NOW + DAY * 0.511


def test_workloads_that_started_together_do_not_renew_together() -> None:
    chances = iter([0.0, 0.25, 0.75, 0.999])
    schedule = RotationSchedule(random=lambda: next(chances))
    identities = [SpiffeId(DOMAIN, "default", f"app-{number}") for number in range(4)]
    times = [schedule.put(an_svid(identity), NOW) for identity in identities]
    assert times == sorted(times, reverse=True)
    assert times[0] - times[-1] > DAY * 0.019
    assert schedule.due(NOW + DAY) == tuple(reversed(identities))


def test_a_new_svid_takes_the_place_of_the_old_one() -> None:
    schedule = a_schedule()
    schedule.put(an_svid(), NOW)
    later = NOW + DAY / 2
    fresh = an_svid(now=later)
    schedule.put(fresh, later)
    assert schedule.current(REVIEWS) == fresh
    assert schedule.due(later) == ()
    assert schedule.next_due() == later + DAY / 2


def test_an_svid_that_came_too_late_is_due_at_once() -> None:
    schedule = a_schedule()
    assert schedule.put(an_svid(), NOW + 2 * DAY) == NOW + 2 * DAY
    assert schedule.due(NOW + 2 * DAY) == (REVIEWS,)
    assert schedule.current(REVIEWS) is not None


def test_lifetimes_of_seconds() -> None:
    schedule = a_schedule()
    assert schedule.put(an_svid(ttl=timedelta(seconds=4)), NOW) == NOW + timedelta(seconds=2)


def test_failures_are_tried_again_ever_more_patiently() -> None:
    schedule = a_schedule()
    schedule.put(an_svid(), NOW)
    now, waits = NOW + DAY / 2, []
    for _ in range(9):
        due = schedule.postpone(REVIEWS, now)
        assert due is not None
        assert schedule.due(due - timedelta(milliseconds=1)) == ()
        assert schedule.due(due) == (REVIEWS,)
        waits.append((due - now).total_seconds())
        now = due
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    schedule.put(an_svid(now=now), now)
    assert schedule.postpone(REVIEWS, now) == now + timedelta(seconds=1)


def test_a_short_life_is_not_slept_through() -> None:
    schedule = a_schedule()
    schedule.put(an_svid(ttl=timedelta(seconds=30)), NOW)
    now, tries = NOW + timedelta(seconds=15), 0
    while now < NOW + timedelta(seconds=25):
        due = schedule.postpone(REVIEWS, now)
        assert due is not None
        assert due < NOW + timedelta(seconds=30)
        now, tries = due, tries + 1
    assert tries == 6
    expired = NOW + timedelta(seconds=60)
    assert schedule.postpone(REVIEWS, expired) == expired + timedelta(seconds=60)


def test_another_root_makes_all_due() -> None:
    schedule = a_schedule()
    schedule.put(an_svid(), NOW)
    schedule.put(an_svid(RATINGS), NOW)
    schedule.renew_all(NOW + timedelta(hours=1))
    assert set(schedule.due(NOW + timedelta(hours=1))) == {REVIEWS, RATINGS}


def test_who_left_is_forgotten() -> None:
    schedule = a_schedule()
    schedule.put(an_svid(), NOW)
    schedule.forget(REVIEWS)
    schedule.forget(RATINGS)
    assert (len(schedule), schedule.current(REVIEWS), schedule.next_due()) == (0, None, None)
    assert schedule.due(NOW + 9 * DAY) == ()
    assert schedule.postpone(REVIEWS, NOW) is None


def test_an_identity_has_its_own_svid_and_no_other() -> None:
    schedule = a_schedule()
    schedule.put(an_svid(), NOW)
    assert schedule.current(RATINGS) is None

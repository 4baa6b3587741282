"""Turns of hosts: few at a time, pauses, and when a host is given up."""

from collection.turns import HostJob, Turns


def job(number: int, host: str = "a.example") -> HostJob:
    url = f"https://{host}/{number}"
    return HostJob(url, url, [])


A, B = "a.example:443", "b.example:443"


def started(turns: Turns, now: float) -> list[str]:
    found = []
    while made := turns.start(now):
        found.append(made.url.partition("//")[2])
    return found


def test_hosts_take_turns_and_few_of_one_run_at_once() -> None:
    turns = Turns(per_host=2, hands=3, pause=1.0)
    for number in range(3):
        turns.add(job(number))
    turns.add(job(0, "b.example"))
    assert started(turns, 0) == ["a.example/0", "b.example/0", "a.example/1"]
    turns.end(A, 0, answered=True)
    assert started(turns, 0) == ["a.example/2"]


def test_a_pause_and_a_later_job_wake_in_time() -> None:
    turns = Turns(per_host=2, hands=3, pause=1.0)
    turns.add(job(0), at=5.0)
    assert (started(turns, 0), turns.wakes()) == ([], 5.0)
    turns.pause(A, 7.0)
    assert (started(turns, 5.0), turns.wakes()) == ([], 7.0)
    assert started(turns, 7.0) == ["a.example/0"]


def test_a_host_without_an_answer_is_paused_longer_and_longer_and_then_given_up() -> None:
    turns = Turns(per_host=2, hands=3, pause=1.0)
    for number in range(9):
        turns.add(job(number))
    turns.add(job(9), at=100.0)
    turns.add(job(0, "b.example"), at=100.0)
    for now, pause in ((0.0, 1.0), (1.0, 2.0)):
        assert len(started(turns, now)) == 2
        for _ in range(2):
            turns.end(A, now, answered=False)
        assert (started(turns, now), turns.wakes()) == ([], now + pause)
    assert not turns.given_up
    assert len(started(turns, 3.0)) == 2
    turns.end(A, 3.0, answered=False)
    turns.end(A, 3.0, answered=False)
    assert turns.given_up == {A}
    assert [left.url[-1] for left in turns.leave(A)] == ["6", "7", "8", "9"]
    assert (started(turns, 99.0), turns.wakes()) == ([], 100.0)
    assert started(turns, 100.0) == ["b.example/0"]


def test_an_answer_begins_the_count_anew() -> None:
    turns = Turns(per_host=2, hands=1, pause=1.0)
    for number in range(20):
        turns.add(job(number))
        assert len(started(turns, 0)) == 1
        turns.end(A, 0, answered=number % 2 == 0)
    assert not turns.given_up


def test_what_began_before_a_pause_does_not_count() -> None:
    turns = Turns(per_host=2, hands=2, pause=1.0)
    for number in range(4):
        turns.add(job(number))
    started(turns, 0)
    turns.end(A, 0, answered=False)
    assert started(turns, 0) == ["a.example/2"]
    turns.end(A, 0, answered=False)
    turns.end(A, 0.5, answered=False)
    assert not turns.given_up
    assert turns.silent == {A: 2}

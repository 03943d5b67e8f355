from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from towpath.features.online.gate import Gate
from towpath.features.online.group_commit import GroupCommit, GroupCommits

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 10.0


class Commits:
    """Keeps what is committed together; the first commit waits until it is told to go on."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, changes: Sequence[str]) -> None:
        if not self.begun.is_set():
            self.begun.set()
            assert self.go_on.wait(SECONDS)
        bad = [change for change in changes if change.startswith("bad")]
        if bad:
            raise KeyError(*bad)
        self.made.append(list(changes))


def started(group: GroupCommit[str], changes: Sequence[str], told: list[str]) -> None:
    """Ask for changes from a thread each, while the first one is being committed."""

    def run(change: str) -> None:
        try:
            group.run(change)
        except KeyError as error:
            told.append(f"{change}: {error.args}")

    commits: Commits = group._commit  # type: ignore[assignment]
    first = threading.Thread(target=group.run, args=("first",))
    first.start()
    assert commits.begun.wait(SECONDS)
    others = [threading.Thread(target=run, args=(change,)) for change in changes]
    for other in others:
        other.start()
    while len(group._waiting) < len(changes):
        pass
    commits.go_on.set()
    for thread in (first, *others):
        thread.join(SECONDS)


def test_what_waits_during_a_commit_goes_into_the_next() -> None:
    commits = Commits()
    started(GroupCommit(commits), ["a", "b", "c"], [])
    assert commits.made[0] == ["first"]
    assert [sorted(made) for made in commits.made[1:]] == [["a", "b", "c"]]


def test_where_one_fails_the_others_are_committed_alone() -> None:
    commits, told = Commits(), list[str]()
    started(GroupCommit(commits), ["a", "bad1", "b", "bad2"], told)
    assert sorted(made for (made,) in commits.made) == ["a", "b", "first"]
    assert sorted(told) == ["bad1: ('bad1',)", "bad2: ('bad2',)"]


def test_an_interrupt_of_the_leader_is_not_the_end_for_the_others() -> None:
    interrupted = threading.Event()

    def commit(changes: Sequence[str]) -> None:
        if "first" in changes:
            assert interrupted.wait(SECONDS)
            raise KeyboardInterrupt
        made.append(list(changes))

    made: list[list[str]] = []
    group = GroupCommit(commit)

    def lead() -> None:
        with pytest.raises(KeyboardInterrupt):
            group.run("first")

    leader = threading.Thread(target=lead)
    leader.start()
    while not group._led:
        pass
    other = threading.Thread(target=group.run, args=("second",))
    other.start()
    interrupted.set()
    leader.join(SECONDS)
    other.join(SECONDS)
    assert made == [["second"]]
    group.run("third")
    assert made == [["second"], ["third"]]


def test_a_forked_child_does_not_wait_for_its_parents_threads() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def commit(_: str, changes: Sequence[str]) -> None:
        if "slow" in changes:
            begun.set()
            assert go_on.wait(SECONDS)

    groups = GroupCommits(commit)
    thread = threading.Thread(target=groups.run, args=("car", "slow"))
    thread.start()
    assert begun.wait(SECONDS)
    child = os.fork()
    if child == 0:
        groups.run("car", "fast")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    go_on.set()
    thread.join(SECONDS)


def test_a_shut_gate_lets_nobody_in_until_it_opens() -> None:
    gate, inside = Gate(), threading.Event()

    def go_in() -> None:
        with gate:
            inside.set()

    gate.shut()
    thread = threading.Thread(target=go_in)
    thread.start()
    assert not inside.wait(0.05)
    gate.reopen()
    assert inside.wait(SECONDS)
    thread.join(SECONDS)


def test_a_gate_is_shut_once_all_are_out() -> None:
    gate, inside, leave, shut = Gate(), threading.Event(), threading.Event(), threading.Event()

    def stay() -> None:
        with gate:
            inside.set()
            assert leave.wait(SECONDS)

    def close() -> None:
        gate.shut()
        shut.set()

    threads = [threading.Thread(target=stay), threading.Thread(target=close)]
    threads[0].start()
    assert inside.wait(SECONDS)
    threads[1].start()
    assert not shut.wait(0.05)
    leave.set()
    assert shut.wait(SECONDS)
    gate.reopen()
    for thread in threads:
        thread.join(SECONDS)

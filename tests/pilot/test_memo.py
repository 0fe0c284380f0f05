from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.memo import Memo


def square(number: int) -> int:
    return number * number


def nothing(_: int) -> None:
    return None


def test_a_function_runs_once_for_equal_arguments() -> None:
    memo = Memo()
    assert [memo(square, 3), memo(square, 3), memo(square, -3)] == [9, 9, 9]
    assert memo(nothing, 3) is memo(nothing, 3) is None
    assert (memo.made[square], memo.made[nothing], memo.misses) == (2, 1, 3)


def test_a_generation_keeps_what_it_asks_for_and_forgets_the_rest() -> None:
    memo = Memo()
    memo(square, 1), memo(square, 2)
    memo = memo.successor()
    memo(square, 1)
    memo = memo.successor()
    assert (memo.size, memo.misses) == (1, 2)
    memo(square, 1), memo(square, 2)
    assert memo.misses == 3


def test_a_successor_changes_nothing_of_the_memo_before() -> None:
    before = Memo()
    before(square, 1)
    after = before.successor()
    after(square, 2)
    assert (before.size, before.misses) == (1, 1)
    assert (after.size, after.misses) == (2, 2)


def test_what_fails_is_not_remembered_and_belongs_to_nothing() -> None:
    memo = Memo()
    results: Iterator[Exception | int] = iter([ZeroDivisionError(), 1])

    def risky(_: int) -> int:
        memo(square, 5)
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    with pytest.raises(ZeroDivisionError):
        memo(risky, 0)
    assert memo(risky, 0) == 1
    assert memo.made[risky] == 1


def test_what_depends_on_the_moment_is_remembered_while_it_lasts() -> None:
    memo, moment = Memo(), ["first"]

    def tell(number: int, memo: Memo) -> str:
        return f"{moment[0]} {memo(square, number)}"

    assert memo.now(tell, 3, memo) == "first 9"
    moment[0] = "second"
    assert memo.now(tell, 3, memo) == "first 9"
    assert (memo.size, memo.misses) == (2, 1), "what is asked of the moment is not counted as work"
    memo = memo.successor()
    assert memo.now(tell, 3, memo) == "second 9"
    assert memo.misses == 1


class Tree:
    """A function whose values are made of others of the same memo."""

    def __init__(self) -> None:
        self.memo = Memo()

    def total(self, height: int) -> int:
        """The sum of all numbers up to ``height``, level by level."""
        return height + (self.memo(self.total, height - 1) if height else 0)

    def ask(self, height: int) -> int:
        return self.memo(self.total, height)

    def end(self) -> None:
        self.memo = self.memo.successor()


@pytest.mark.parametrize("generations", [1, 2, 5])
def test_parts_live_as_long_as_what_is_made_of_them(generations: int) -> None:
    tree = Tree()
    for _ in range(generations):
        assert tree.ask(4) == 10
        tree.end()
    assert tree.ask(5) == 15
    assert tree.memo.misses == 6, "one more than before"


@given(st.lists(st.lists(st.integers(0, 6), max_size=4), max_size=6))
def test_memory_is_what_this_generation_and_the_last_asked_for(generations: list[list[int]]) -> None:
    tree, asked_last = Tree(), set[int]()
    for heights in generations:
        tree.end()
        asked = {part for height in heights for part in range(height + 1)}
        assert [tree.ask(height) for height in heights] == [height * (height + 1) // 2 for height in heights]
        assert tree.memo.size == len(asked | asked_last)
        asked_last = asked


@given(st.lists(st.sampled_from([("ask", 1), ("ask", 2), ("end", 0)])))
def test_values_are_those_of_the_function(steps: list[tuple[str, int]]) -> None:
    memo = Memo()
    functions: list[Callable[[int], int]] = [square, abs]
    for step, number in steps:
        if step == "end":
            memo = memo.successor()
        else:
            assert [memo(function, -number) for function in functions] == [number * number, number]

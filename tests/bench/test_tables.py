import pytest

from bench.tables import milliseconds, percent, ratio, table


def test_columns_are_aligned() -> None:
    assert table(["", "ms"], [["a", "1"], ["long", "1,000"]]).splitlines() == [
        "|      |    ms |",
        "| ---- | ----: |",
        "| a    |     1 |",
        "| long | 1,000 |",
    ]


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.0000213, "0.021"), (0.00413, "4.13"), (0.0382, "38.2"), (1.2041, "1,204")]
)
def test_times_have_three_digits(seconds: float, written: str) -> None:
    assert milliseconds(seconds) == written


def test_ratios() -> None:
    assert (ratio(3, 2), ratio(1, 50), ratio(1, 0)) == ("1.5×", "0.02×", "–")
    assert (percent(3, 2), percent(1, 5000), percent(1, 0)) == ("150 %", "0.02 %", "–")

"""What students write into the gaps of exercise 2: wrong answers, with the sentence each is to hear, and right ones."""

from tests.exercises.average_price import _average, _query, _quotes, _records, _table, _windows, _write
from tests.exercises.misconceptions import Answer

__all__ = ["ANSWERS"]

ANSWERS: dict[int, list[Answer]] = {
    number: [*module.WRONG, *module.RIGHT]
    for number, module in enumerate((_records, _quotes, _windows, _average, _table, _write, _query), 1)
}

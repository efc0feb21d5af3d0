"""What students think, and write: for each gap wrong answers, with the sentence each is to hear, and right ones."""

from tests.exercises.misconceptions import _listen, _producer, _receive, _record, _send, _start, _topic
from tests.exercises.misconceptions._answer import Answer, Right, Wrong, cell_of

__all__ = ["ANSWERS", "Answer", "Right", "Wrong", "cell_of"]

ANSWERS: dict[int, list[Answer]] = {
    number: [*module.WRONG, *module.RIGHT]
    for number, module in enumerate((_topic, _producer, _record, _receive, _send, _start, _listen), 1)
}

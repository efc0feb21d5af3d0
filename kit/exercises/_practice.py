"""The gap of notebook 00, to see how exercises work; and the smallest example of checks."""

from kit.exercises._exercise import Gap
from kit.exercises._source import Region
from kit.exercises._trial import Trial, shown

__all__ = ["GAPS", "REGIONS"]

REGIONS = [Region(1, "average", "return the mean of the numbers", "return sum(numbers) / len(numbers)", "")]


def _average(trial: Trial) -> None:
    average = trial.named("average")
    for numbers in ([1, 2, 3], [10.5], [-4, 4, 8, 8]):
        expected = sum(numbers) / len(numbers)
        got = trial.call(average, numbers, on=f"average({numbers})")
        if got != expected:
            trial.wrong(
                f"{expected:g}",
                got=None if got is None else shown(got),
                advice="the mean is the sum, divided by how many there are",
            )


GAPS = (
    Gap(
        names=("average",),
        check=_average,
        hints=(
            "Python can add up a list by itself, and count it.",
            "sum(numbers) is the sum, len(numbers) how many there are.",
            "return sum(numbers) / …",
        ),
        why="The built-in functions read like the definition, and work for any list. statistics.mean would do as well.",
        broker=False,
    ),
)

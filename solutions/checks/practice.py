"""The gap of notebook 00, which has no exercise notebook of its own; and the smallest example of checks."""

from kit.exercises import CheckContext, Gap, plain

__all__ = ["GAPS"]


def _average(context: CheckContext) -> None:
    average = context.named("average")
    for numbers in ([1, 2, 3], [10.5], [-4, 4, 8, 8]):
        expected = sum(numbers) / len(numbers)
        got = plain(context.call(average, list(numbers), on=f"average({numbers})"))
        if type(got) not in (int, float) or got != expected:
            advice = "the mean is the sum, divided by how many there are"
            context.wrong(f"{expected:g}", got=got, advice=advice)


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
        title="average",
        todo="return the mean of the numbers",
        solution="return sum(numbers) / len(numbers)",
    ),
)

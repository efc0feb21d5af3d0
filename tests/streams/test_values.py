"""What values become as columns: exact, each record its own, with the dtypes that a reader of pandas expects."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.streams._parsing import Unreadable, joined, parsed

BIG = 2**53 + 1  # the first whole number that a float cannot hold


class _Record:
    def __init__(self, value: bytes | None) -> None:
        self.value = value


def table(*values: bytes | None, parse: Any = "json") -> pd.DataFrame:
    return pd.DataFrame(parsed([_Record(one) for one in values], parse), index=range(len(values)))


def given_back(frame: pd.DataFrame, name: str = "n") -> list[Any]:
    """The values of a column; None where there is none."""
    return [None if one is None or one is pd.NA or one != one else one for one in frame[name].tolist()]  # noqa: PLR0124


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([b'{"n":1}', b'{"n":2}'], "int64", [1, 2]),
        ([b'{"n":1}', b"{}"], "Int64", [1, None]),
        ([b'{"n":%d}' % BIG, b'{"m":1}', b'{"n":%d}' % (BIG + 1)], "Int64", [BIG, None, BIG + 1]),
        ([b'{"n":%d}' % BIG, None], "Int64", [BIG, None]),
        ([b'{"n":%d}' % BIG, b'{"n":null}'], "Int64", [BIG, None]),
        ([b'{"n":%d}' % BIG, b'{"n":1.5}'], "object", [BIG, 1.5]),
        ([b'{"n":%d}' % BIG, b'{"n":1.5}', b"{}"], "object", [BIG, 1.5, None]),
        ([b'{"n":1}', b'{"n":1.5}'], "float64", [1.0, 1.5]),
        ([b'{"n":%d}' % (2**63), b'{"n":-1}'], "object", [2**63, -1]),
        ([b'{"n":%d}' % (2**64), b"{}"], "object", [2**64, None]),
        ([b'{"n":%d}' % -(2**63)], "int64", [-(2**63)]),
        ([b'{"n":1%s}' % (b"0" * 300)], "object", [10**300]),
        ([b'{"n":1.5}', b"{}"], "float64", [1.5, None]),
        ([b'{"n":NaN}', b'{"n":1}'], "float64", [None, 1.0]),
        ([b'{"n":1e400}'], "float64", [math.inf]),
        ([b'{"n":true}', b'{"n":false}'], "bool", [True, False]),
        ([b'{"n":true}', b"{}"], "boolean", [True, None]),
        ([b'{"n":true}', b'{"n":1}'], "object", [True, 1]),
        ([b'{"n":"a"}', b"{}"], "object", ["a", None]),
        ([b'{"n":[1]}', b'{"n":[2]}', b'{"n":{"m":1}}'], "object", [[1], [2], {"m": 1}]),
        ([b'{"n":1,"n":2}'], "int64", [2]),
        ([b'{"n":"\\ud800"}'], "object", ["\ud800"]),
        (['{"n":1}'.encode("utf-16")], "int64", [1]),
    ],
)
def test_a_column_is_exact_and_has_the_dtype_of_its_values(
    values: list[bytes | None], dtype: str, expected: list[Any]
) -> None:
    frame = table(*values)
    assert str(frame["n"].dtype) == dtype
    assert given_back(frame) == expected
    assert list(map(type, given_back(frame))) == list(map(type, expected))


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([b'{"n":1},{"n":2}', b'{"n":3}'], 0),
        ([b'{"n":[1', b"2]}"], 0),
        ([b'{"n":1}', b'{"n":[1', b"2]}", b'{"n":4}'], 1),
        ([b'{"n":"', b'"}'], 0),
        ([b'{"n":1}', b'"},{"n":"'], 1),
        ([b'{"n":1}', b""], 1),
        ([b'{"n":1}', b"{}{}"], 1),
        ([b"[]"], 0),
        ([b"null"], 0),
        ([b'{"n":1}', b'{"n":1]'], 1),
        ([b'{"n":01}'], 0),
        ([b'{"n":"\xff"}'], 0),
        ([b"[" * 5000], 0),
        ([b'{"n":' + b"1" * 5000 + b"}"], 0),
    ],
)
def test_each_value_is_parsed_on_its_own_whatever_its_neighbours_are(values: list[bytes], place: int) -> None:
    with pytest.raises(Unreadable) as raised:
        table(*values)
    assert raised.value.place == place


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine, too
rows_of = st.lists(st.dictionaries(st.sampled_from("abc"), scalars, max_size=3), max_size=5)


@unhurried
@given(rows=rows_of)
def test_whatever_the_numbers_no_value_becomes_another_one(rows: list[dict[str, Any]]) -> None:
    frame = table(*[json.dumps(row).encode() for row in rows])
    for name in frame.columns:
        expected = [row.get(name) for row in rows]
        assert given_back(frame, name) == expected


@unhurried
@given(rows=rows_of, cut=st.integers(0, 5))
def test_batches_joined_are_what_one_batch_would_have_been(rows: list[dict[str, Any]], cut: int) -> None:
    values = [json.dumps(row).encode() for row in rows]
    parts = [table(*values[:cut]), table(*values[cut:])]
    whole = joined(parts)
    for name in whole.columns:
        assert given_back(whole, name) == [row.get(name) for row in rows]


# ---- functions of the reader's own ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [SystemExit("done"), ZeroDivisionError(), StopIteration(), GeneratorExit()], ids=repr)
def test_whatever_a_function_raises_is_about_its_record(error: BaseException) -> None:
    def parse(raw: bytes) -> dict[str, int]:
        if raw == b"2":
            raise error
        return {"n": int(raw)}

    with pytest.raises(Unreadable, match=type(error).__name__) as raised:
        table(b"1", b"2", b"3", parse=parse)
    assert raised.value.place == 1


def test_an_interrupt_is_no_error_of_the_function() -> None:
    def parse(raw: bytes) -> dict[str, int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        table(b"1", parse=parse)


def test_a_function_that_gives_one_dict_again_and_again_gives_each_record_its_values() -> None:
    same: dict[str, Any] = {}

    def parse(raw: bytes) -> dict[str, Any]:
        same["n"] = np.int64(int(raw))
        return same

    assert table(b"1", b"%d" % BIG, None, parse=parse)["n"].tolist() == [1, BIG, pd.NA]


def test_times_of_a_function_are_times() -> None:
    frame = table(b"2026-01-05", None, parse=lambda raw: {"at": pd.Timestamp(raw.decode(), tz="UTC")})
    assert str(frame["at"].dtype) == "datetime64[ns, UTC]"

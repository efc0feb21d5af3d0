"""Whatever the code of a student does, the call comes back in time, and says where it was."""

import signal
import threading

import pytest

from kit.exercises._running import StudentError, TookTooLong, call, describe_line
from tests.exercises.tools import Student
from tests.wait import wait_until

LIMIT = 0.3


def function(code: str) -> object:
    return Student().run(code).namespace["f"]


def test_what_it_returns_is_given() -> None:
    assert call(lambda a, b: a + b, 1, 2, seconds=5) == 3


@pytest.mark.parametrize("code", ["1/0", "raise SystemExit(3)", "raise KeyboardInterrupt", "raise BaseException('x')"])
def test_whatever_it_raises_is_told_with_its_own_line(code: str) -> None:
    with pytest.raises(StudentError) as raised:
        call(function(f"def f():\n    {code}"), seconds=5)
    assert describe_line(raised.value.error) == f"line 2 of the cell (in f): {code}"


def test_the_last_line_of_its_own_is_told_when_a_library_raises() -> None:
    f = function("import json\ndef f():\n    return g()\ndef g():\n    return json.loads('{')")
    with pytest.raises(StudentError) as raised:
        call(f, seconds=5)
    assert describe_line(raised.value.error) == "line 5 of the cell (in g): return json.loads('{')"


def test_a_loop_without_an_end_is_ended(no_thread_left: None) -> None:
    with pytest.raises(TookTooLong) as raised:
        call(function("def f():\n    while True:\n        pass"), seconds=LIMIT)
    assert raised.value.stopped
    assert "(in f)" in raised.value.line


def test_a_loop_that_catches_everything_does_not_keep_the_caller() -> None:
    code = """
alive = True
def f():
    while alive:
        try:
            while alive:
                pass
        except BaseException:
            pass"""
    student, before = Student().run(code), set(threading.enumerate())
    with pytest.raises(TookTooLong) as raised:
        call(student.namespace["f"], seconds=LIMIT)
    assert not raised.value.stopped
    student.run("alive = False")
    wait_until(lambda: not set(threading.enumerate()) - before, what="an end of the loop")


def test_a_wait_in_the_system_does_not_keep_the_caller() -> None:
    event = threading.Event()
    with pytest.raises(TookTooLong) as raised:
        call(event.wait, 60, seconds=LIMIT)
    assert raised.value.seconds == LIMIT
    event.set()


def test_what_it_prints_belongs_to_the_cell_that_asked(capsys: pytest.CaptureFixture[str]) -> None:
    call(print, "hello", seconds=5)
    assert capsys.readouterr().out == "hello\n"


def test_an_interrupt_of_the_reader_ends_the_code_too(no_thread_left: None) -> None:
    f = function("def f():\n    while True:\n        pass")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where tests run in the background
    timer = threading.Timer(LIMIT, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call(f, seconds=60)
    finally:
        signal.signal(signal.SIGINT, before)
    timer.join()


def test_the_next_call_works_after_each() -> None:
    for code in ("raise SystemExit", "while True: pass", "return 1/0"):
        with pytest.raises((StudentError, TookTooLong)):
            call(function(f"def f():\n    {code}"), seconds=LIMIT)
        assert call(function("def f():\n    return 42"), seconds=5) == 42


def test_a_deep_recursion_is_an_error_like_others() -> None:
    with pytest.raises(StudentError) as raised:
        call(function("def f():\n    return f()"), seconds=10)
    assert isinstance(raised.value.error, RecursionError)

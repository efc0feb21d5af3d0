"""What has run is held against what was handed out: not run, changed, out of order, a broken cell."""

from kit.exercises._history import altered, last_definition, renamed, scaffold_trouble

IMPORTS = "import csv\nimport io\nimport time\n\nimport pykka"
TWEET = "class Tweet(NamedTuple):\n    fetched_ms: int\n    user: str\n    text: str"
ACTOR = '''class Actor(pykka.ThreadingActor):
    """Sends."""

    def __init__(self, producer, every):
        super().__init__()
        self.producer, self.every = producer, every

    def on_receive(self, tweet):
        raise NotImplementedError("Gap 1, receive: count it")'''


def test_all_has_run_as_it_was_written() -> None:
    assert scaffold_trouble([IMPORTS, TWEET], ["1+1", IMPORTS, TWEET, "Tweet(1, 2, 3)"]) is None


def test_a_cell_that_has_not_run_is_named_by_its_first_line() -> None:
    trouble = scaffold_trouble([IMPORTS, TWEET], [IMPORTS, "1+1"])
    assert trouble == ("the cell that begins with\nclass Tweet(NamedTuple):", "it has not run in this kernel")


def test_a_cell_that_was_changed_is_told_line_by_line() -> None:
    ran = [IMPORTS, TWEET, TWEET.replace("user: str", "user: bytes")]
    assert scaffold_trouble([IMPORTS, TWEET], ran) == ("    user: str", "    user: bytes")


def test_a_line_that_is_gone_is_told() -> None:
    trouble = scaffold_trouble([TWEET], [TWEET.replace("    user: str\n", "")])
    assert trouble == ("    user: str", "the line is gone")


def test_a_change_that_was_undone_is_forgotten() -> None:
    assert scaffold_trouble([TWEET], [TWEET.replace("str", "bytes"), TWEET]) is None


def test_cells_of_ones_own_are_nobodys_business() -> None:
    assert scaffold_trouble([IMPORTS, TWEET], [IMPORTS, TWEET, "class Tweets(list):\n    pass\n\nx = 1"]) is None


def test_a_line_or_two_are_too_short_to_tell() -> None:
    assert scaffold_trouble(["import csv"], []) is None


def test_the_newest_definition_counts_even_a_broken_one() -> None:
    ran = ["def f(x):\n    return 1", "def g(x): pass", "def f(x:\n    return 2"]
    assert last_definition("f", ran) == ran[2]
    assert last_definition("g", ran) == ran[1]
    assert last_definition("h", ran) is None
    assert last_definition("Actor.send", ["actor = Actor()", ACTOR]) == ACTOR


def test_a_gap_that_is_filled_in_changes_nothing_else() -> None:
    filled = ACTOR.replace(
        'raise NotImplementedError("Gap 1, receive: count it")', "self.n += 1\n        return self.n"
    )
    assert altered(ACTOR, filled) == ""
    assert altered(ACTOR, filled.replace('"""Sends."""', "# my own words")) == ""
    assert altered(ACTOR, filled + "\n\n    def my_helper(self):\n        pass") == ""
    assert altered(ACTOR, "import math\n\n" + filled) == ""


def test_a_header_or_a_body_outside_of_the_gap_that_changed_is_told() -> None:
    assert altered(ACTOR, ACTOR.replace("self, tweet", "self, message")) == "the line `def on_receive(self, tweet):`"
    assert altered(ACTOR, ACTOR.replace("ThreadingActor", "Actor")) == "the line `class Actor(pykka.ThreadingActor):`"
    changed = ACTOR.replace("= producer, every", "= every, producer")
    assert altered(ACTOR, changed) == "the lines below `def __init__(self, producer, every):`"


def test_a_function_that_was_renamed_is_noticed_though_the_old_one_is_still_there() -> None:
    new = ACTOR.replace("class Actor", "class MyActor")
    assert renamed("Actor.on_receive", [ACTOR, new]) == "MyActor"
    assert renamed("Actor.on_receive", [ACTOR, new, ACTOR]) == ""
    assert renamed("Actor.on_receive", [ACTOR, "x = 1", "def helper(x):\n    return x"]) == ""
    assert renamed("Actor.on_receive", ["x = 1"]) == ""

"""Topic names: the kit's check and Kafka agree on which are good, and an error says what to call it instead."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kafka.admin import KafkaAdminClient
from kafka.errors import InvalidTopicError, TopicAlreadyExistsError

from kit.errors import TopicError
from kit.servers.clients import admin
from kit.servers.kafka import KafkaCluster
from kit.topics import names

GOOD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
ANY_NAME = st.one_of(
    st.text(max_size=260),
    st.text(alphabet=GOOD, max_size=255),
    st.text(alphabet=GOOD + " /:é\n\0", min_size=1, max_size=5),
    st.integers(240, 260).map("x".__mul__),
)


@pytest.fixture(scope="module")
def client(cluster: KafkaCluster) -> Iterator[KafkaAdminClient]:
    with admin(cluster.bootstrap_servers) as client:
        yield client


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("")
@example(".")
@example("..")
@example("...")
@example("._-")
@example("__mine")
@example("x" * 249)
@example("x" * 250)
@example("x\n")
@example("１")  # a digit, but not one of Kafka's
@given(name=ANY_NAME)
def test_the_check_accepts_what_kafka_accepts_and_nothing_else(client: KafkaAdminClient, name: str) -> None:
    answer = client.create_topics({name: {}}, validate_only=True, raise_errors=False)["topics"][0]
    taken = answer["error_code"] in (0, TopicAlreadyExistsError.errno)
    assert taken or answer["error_code"] == InvalidTopicError.errno
    assert taken == passes(name)


@given(ANY_NAME)
def test_a_name_that_the_error_suggests_passes_the_check(name: str) -> None:
    try:
        names.check(name)
    except TopicError as error:
        if "'" in error.todo:
            names.check(error.todo.split("'")[1])


def passes(name: str) -> bool:
    try:
        names.check(name)
    except TopicError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "got", "todo"),
    [
        ("my topic!", "'my topic!' holds ' ', '!'", "call it 'my-topic'"),
        ("börse", "'börse' holds 'ö'", "call it 'b-rse'"),
        ("a/b", "'a/b' holds '/'", "call it 'a-b'"),
        ("", "'' has 0 characters", "choose another name"),
        ("x" * 250, f"'{'x' * 37}…' has 250 characters", "choose another name"),
        (".", "'.', which names a folder", "choose another name"),
        ("..", "'..', which names a folder", "choose another name"),
        ("!!", "'!!' holds '!'", "choose another name"),
    ],
)
def test_a_refused_name_says_the_rule_what_breaks_it_and_what_would_do(name: str, got: str, todo: str) -> None:
    with pytest.raises(TopicError) as caught:
        names.check(name)
    assert caught.value.expected.startswith("a topic name of 1 to 249 characters")
    assert caught.value.got.startswith(got)
    assert caught.value.todo.startswith(todo)


@pytest.mark.parametrize("name", [None, 5, b"quotes", ["quotes"]])
def test_a_name_that_is_not_text_is_reported_with_its_type(name: object) -> None:
    with pytest.raises(TopicError, match=f"a {type(name).__name__}"):
        names.check(name)  # type: ignore[arg-type]


def test_an_unknown_name_says_what_may_have_been_meant() -> None:
    error = names.unknown(["Quots"], ["tweets", "quotes", "orders"])
    assert str(error) == (
        "expected topic 'Quots' to exist\n"
        "got: it does not; there are orders, quotes, tweets\n"
        "to do: did you mean 'quotes'?"
    )


def test_an_unknown_name_like_no_other_says_how_to_make_it() -> None:
    error = names.unknown(["a", "b"], [])
    assert error.expected == "topic 'a', 'b' to exist"
    assert error.got == "they do not; there is no topic yet"
    assert "topics.create" in error.todo
    assert "create" not in names.unknown(["a"], [], what="consumer group").todo


def test_many_names_are_cut_short() -> None:
    error = names.unknown(["zzz"], [f"topic-{number:02}" for number in range(50)])
    assert error.got.endswith("topic-07 and 42 more")

"""The mailbox: bounded, in order, and never a place to hang."""

import queue
import threading
import time

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pykka._envelope import Envelope

from kit.collectors._actor import Mailbox


def envelope(message: object) -> Envelope[object]:
    return Envelope(message)


@given(st.lists(st.one_of(st.binary(max_size=3), st.none()), max_size=40))
def test_what_is_put_in_comes_out_in_order_whatever_is_merged(messages: list[object]) -> None:
    mailbox = Mailbox(batch=5)
    for message in messages:
        mailbox.put(envelope(message))
    got: list[object] = []
    while not mailbox.empty():
        message = mailbox.get().message
        got += message if isinstance(message, list) else [message]
    assert got == messages
    assert len(mailbox) == 0


def test_payloads_that_wait_come_out_as_one_batch_of_limited_size() -> None:
    mailbox = Mailbox(batch=3)
    for number in range(5):
        mailbox.put(envelope(b"%d" % number))
    assert mailbox.get().message == [b"0", b"1", b"2"]
    assert mailbox.get().message == [b"3", b"4"]


def test_a_full_mailbox_raises_after_its_patience_and_not_later() -> None:
    mailbox = Mailbox(capacity=2, patience=0.1)
    for message in (b"a", b"b"):
        mailbox.put(envelope(message))
    began = time.monotonic()
    with pytest.raises(queue.Full):
        mailbox.put(envelope(b"c"))
    assert 0.1 <= time.monotonic() - began < 30.0
    assert len(mailbox) == 2


def test_a_sender_that_waits_for_room_gets_in_when_a_message_is_taken() -> None:
    mailbox = Mailbox(capacity=1, patience=10.0)
    mailbox.put(envelope(b"a"))
    sender = threading.Thread(target=mailbox.put, args=[envelope(b"b")])
    sender.start()
    assert mailbox.get().message == [b"a"]
    assert mailbox.get().message == [b"b"]
    sender.join(5.0)
    assert not sender.is_alive()


def test_control_messages_get_into_a_full_mailbox() -> None:
    mailbox = Mailbox(capacity=1, patience=0.0)
    mailbox.put(envelope(b"a"))
    mailbox.put(envelope("stop"))
    assert [mailbox.get().message, mailbox.get().message] == [[b"a"], "stop"]


def test_a_closed_mailbox_refuses_what_comes_and_keeps_what_it_has() -> None:
    mailbox = Mailbox(capacity=2)
    mailbox.put(envelope(b"a"))
    mailbox.close()
    mailbox.close()
    for message in (b"b", "stop"):
        with pytest.raises(pykka.ActorDeadError):
            mailbox.put(envelope(message))
    assert mailbox.empty()  # there is nothing to read
    assert len(mailbox) == 1

"""The router: one address for many, and the same record always to the same one."""

from hypothesis import given
from hypothesis import strategies as st

from kit.collectors._sources import Router


class Worker:
    def __init__(self) -> None:
        self.received: list[bytes] = []

    def tell(self, message: bytes) -> None:
        self.received.append(message)


@given(st.lists(st.binary(max_size=8), max_size=60), st.integers(min_value=1, max_value=5))
def test_every_message_reaches_one_worker_and_equal_ones_the_same(messages: list[bytes], n: int) -> None:
    workers = [Worker() for _ in range(n)]
    router = Router(workers)
    for message in messages:
        router.tell(message)
    assert sorted(one for worker in workers for one in worker.received) == sorted(messages)
    for message in set(messages):
        assert sum(message in worker.received for worker in workers) == 1


def test_the_work_is_shared() -> None:
    workers = [Worker() for _ in range(4)]
    router = Router(workers)
    for number in range(400):
        router.tell(b"%d" % number)
    assert all(len(worker.received) > 40 for worker in workers)

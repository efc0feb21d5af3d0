"""One open stream of tweets: it walks the replay by its own cursor, as fast as its client reads.

Nothing is queued for a client. A line is made when the client has room for it, so a slow reader costs no memory; one
that falls more than `_MOST_BEHIND` tweets behind the clock is cut off with an operational disconnect, as X does.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kit.feeds.data import Tweet
from kit.feeds.rules import Match, Subject, compile_rule
from kit.feeds.world import World

__all__ = ["StreamResponse", "Wanted"]

_EPOCH_MS = 1_288_834_974_657
_MOST_BEHIND = 500_000
_CHUNK = 32_768  # bytes handed to the transport at once
_KEEP_ALIVE = b"\r\n"
_PATIENCE = 1.0  # seconds between two looks at how far a client that does not read is behind


@dataclass(frozen=True)
class Wanted:
    """What a client asked for: tweet fields, the authors, seconds of replay to begin with again."""

    fields: frozenset[str]
    authors: bool
    backfill: int


class _Cut(Exception):
    """The stream ends here. `clean`: with a proper end."""

    def __init__(self, *, clean: bool = False) -> None:
        self.clean = clean


class _Line(NamedTuple):
    slot: int
    body: bytes


class _Chunk(NamedTuple):
    """Bytes for the client, and what the account says once it has them."""

    body: bytes
    slots: Sequence[int] = ()
    malformed: int = 0
    truncated: int = 0


class StreamResponse(Response):
    """The body of a stream: lines as the clock brings them, keep-alives in between, faults where they hit."""

    def __init__(self, world: World, wanted: Wanted, *, filtered: bool, headers: dict[str, str]) -> None:
        super().__init__(b"", headers=headers, media_type="application/json; charset=utf-8")
        del self.headers["content-length"]
        self._world, self._wanted, self._filtered = world, wanted, filtered
        self._generation, self._origin = world.clock.generation, world.clock.origin
        now = world.clock.tick
        begin = max(-1, now - wanted.backfill) if wanted.backfill else now
        self._tick, self._next = begin, (begin + 1) * world.tweets_per_tick

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._world.served.streams_open += 1
        self._gone = asyncio.ensure_future(_disconnected(receive))
        self._gone.add_done_callback(lambda _: self._world.clock.wake())  # who waits for a tick need not wait longer
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for chunk in self._chunks():
                await self._hand_over(send, chunk.body)
                served = self._world.served
                for slot in chunk.slots:
                    served.tweet(slot)
                served.malformed += chunk.malformed
                served.truncated += chunk.truncated
            await self._hand_over(send, b"", more=False)
        except _Cut as cut:
            if cut.clean:
                with contextlib.suppress(_Cut):
                    await self._hand_over(send, b"", more=False)
        finally:
            self._gone.cancel()
            self._world.served.streams_open -= 1

    async def _hand_over(self, send: Send, body: bytes, *, more: bool = True) -> None:
        """Give bytes to the connection, when it has room. Cuts the stream if the client has left, or lags too far."""
        while True:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await send({"type": "http.response.body", "body": body, "more_body": more})
                    break
            except TimeoutError:  # nothing was written: the server waits for room first
                if self._behind() > _MOST_BEHIND:
                    raise _Cut from None
        await asyncio.sleep(0)  # now a hang-up before these bytes is known; and other clients have their turn
        self._still_there()

    async def _chunks(self) -> AsyncIterator[_Chunk]:
        world = self._world
        yield _Chunk(_KEEP_ALIVE)  # headers alone do not reach every client
        spoke = time.monotonic()
        while not world.closing:
            if self._behind() > _MOST_BEHIND:
                yield _Chunk(_disconnect("This stream has been disconnected: the client reads too slowly."))
                raise _Cut(clean=True)
            lines = self._due()
            if world.faults.active("stream"):
                for line in lines:
                    async for chunk in self._with_faults(line):
                        yield chunk
            elif lines:
                yield _Chunk(b"".join(line.body for line in lines), [line.slot for line in lines])
            left = spoke + world.limits.keep_alive_seconds - time.monotonic()
            if not lines and left > 0:
                await asyncio.sleep(0)  # a long search for tweets that match must not keep other clients waiting
                await world.clock.beyond(self._tick, timeout=left)
                self._still_there()
                continue
            if not lines:  # ticks may have passed: none of their tweets was for this client
                yield _Chunk(_KEEP_ALIVE)
            spoke = time.monotonic()

    def _still_there(self) -> None:
        """End the stream of a client that has hung up."""
        if self._gone.done():
            raise _Cut

    def _behind(self) -> int:
        """How many tweets are due that this client was not given yet."""
        return (self._world.clock.tick + 1) * self._world.tweets_per_tick - self._next

    def _due(self) -> list[_Line]:
        """The next lines that are due, as many as make a chunk. Moves the cursor."""
        world, clock = self._world, self._world.clock
        if clock.generation != self._generation:  # another replay: from its start
            self._generation, self._origin, self._tick, self._next = clock.generation, clock.origin, -1, 0
        now, per_tick = clock.tick, world.tweets_per_tick
        end = (now + 1) * per_tick
        make, lines, size = self._maker(), [], 0
        while self._next < end and size < _CHUNK:
            body = make(self._next)
            if body is not None:
                lines.append(_Line(self._origin * per_tick + self._next, body))
                size += len(body)
            else:
                size += 64  # a tweet that matches no rule has cost time too
            self._next += 1
        self._tick = now if self._next >= end else (self._next - 1) // per_tick - 1
        return lines

    async def _with_faults(self, line: _Line) -> AsyncIterator[_Chunk]:
        whole = _Chunk(line.body, [line.slot])
        for fault in list(self._world.faults.hits("stream")):
            if fault.kind == "malformed":
                yield _Chunk(fault.body.encode() + b"\r\n", malformed=1)
            elif fault.kind == "duplicate":
                yield whole
            elif fault.kind == "stall":
                await asyncio.wait({self._gone}, timeout=fault.seconds)
                self._still_there()
            elif fault.kind == "truncate":
                yield _Chunk(line.body[: len(line.body) // 2], truncated=1)
                raise _Cut
            elif fault.kind == "disconnect":
                raise _Cut
            elif fault.kind == "operational-disconnect":
                yield _Chunk(_disconnect("This stream has been disconnected for operational reasons."))
                raise _Cut(clean=True)
        yield whole

    def _maker(self) -> Callable[[int], bytes | None]:
        """A function that makes the line of a tweet number, or None where no rule matches."""
        world, wanted = self._world, self._wanted
        rules = [(number, tag, compile_rule(value)) for number, (value, tag) in world.rules.items()]
        count, per_tick, clock = len(world.tweets), world.tweets_per_tick, world.clock

        def make(number: int) -> bytes | None:
            tweet = world.tweets[number % count]
            matching = _matching(tweet, rules) if self._filtered else None
            if self._filtered and not matching:
                return None
            instant = clock.instant(number // per_tick)
            return _line(tweet, instant, number % per_tick, wanted, matching)

        return make


def _matching(tweet: Tweet, rules: list[tuple[str, str | None, Match]]) -> list[dict[str, str]]:
    subject = Subject.of(tweet.plain, _author(tweet))
    return [{"id": number, "tag": tag or ""} for number, tag, match in rules if match(subject)]


def _line(tweet: Tweet, instant: int, place: int, wanted: Wanted, matching: list[dict[str, str]] | None) -> bytes:
    """One line of the stream. Built by hand: a stream at full speed makes tens of thousands a second."""
    snowflake = ((instant * 1000 - _EPOCH_MS) << 22) | place
    parts = [f'{{"data":{{"edit_history_tweet_ids":["{snowflake}"],"id":"{snowflake}","text":{tweet.json_text}']
    if "created_at" in wanted.fields:
        created = datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        parts.append(f',"created_at":"{created}"')
    if "lang" in wanted.fields:
        parts.append(',"lang":"en"')
    if wanted.authors or "author_id" in wanted.fields:
        parts.append(f',"author_id":"{tweet.row}"')
    parts.append("}")
    if wanted.authors:
        name = _author(tweet)
        parts.append(f',"includes":{{"users":[{{"id":"{tweet.row}","name":"{name}","username":"{name}"}}]}}')
    if matching is not None:
        parts.append(f',"matching_rules":{json.dumps(matching, separators=(",", ":"), ensure_ascii=False)}')
    parts.append("}\r\n")
    return "".join(parts).encode()


def _author(tweet: Tweet) -> str:
    """The stand-in name for a row's author: the data set names none."""
    return f"reader_{tweet.row:04d}"


def _disconnect(detail: str) -> bytes:
    problem = {
        "title": "operational-disconnect",
        "disconnect_type": "OperationalDisconnect",
        "detail": detail,
        "type": "https://api.twitter.com/2/problems/operational-disconnect",
    }
    return json.dumps({"errors": [problem]}, separators=(",", ":")).encode() + b"\r\n"


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""One open stream of tweets: it walks the replay by its own cursor, as fast as its client reads.

Nothing is queued for a client. A line is made when the client has room for it, so a slow reader costs no memory, and
misses nothing.
"""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kit.feeds.data import Tweet
from kit.feeds.rules import Subject, compile_rule
from kit.feeds.state import FeedState

__all__ = ["StreamResponse"]

_EPOCH_MS = 1_288_834_974_657
_TWEETS_PER_TICK = 2
_CHUNK = 32_768  # bytes handed to the transport at once
_KEEP_ALIVE = b"\r\n"
_DISCONNECT = {
    "title": "operational-disconnect",
    "disconnect_type": "OperationalDisconnect",
    "detail": "This stream has been disconnected for operational reasons.",
    "type": "https://api.twitter.com/2/problems/operational-disconnect",
}


class _StreamEnd(Exception):
    """The connection breaks off here."""


class _Chunk(NamedTuple):
    """Bytes for the client, and what to count once it has them."""

    body: bytes
    slots: Sequence[int] = ()
    malformed: int = 0
    truncated: int = 0


class StreamResponse(Response):
    """The body of a stream: lines as the clock brings them, keep-alives in between, faults where they hit.

    `asked` are the parameters of the request.
    """

    def __init__(self, state: FeedState, asked: Mapping[str, str], *, filtered: bool, headers: dict[str, str]) -> None:
        super().__init__(b"", headers=headers, media_type="application/json; charset=utf-8")
        del self.headers["content-length"]
        self._state, self._filtered = state, filtered
        self._fields = asked.get("tweet.fields", "").split(",")
        self._authors = "author_id" in asked.get("expansions", "").split(",")
        self._generation, self._origin = state.clock.generation, state.clock.origin
        self._ended = False
        now = state.clock.tick
        backfill = int(asked.get("backfill_minutes", "0")) * 60
        begin = max(-1, now - backfill) if backfill else now
        self._tick, self._next = begin, (begin + 1) * _TWEETS_PER_TICK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._state.served.streams_open += 1
        self._hang_up = asyncio.ensure_future(_disconnected(receive))
        self._hang_up.add_done_callback(lambda _: self._state.clock.wake())  # a stream that waits for a tick ends now
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for chunk in self._chunks():
                await self._send(send, chunk.body)
                served = self._state.served
                for slot in chunk.slots:
                    served.count("tweets", "", slot)
                served.malformed += chunk.malformed
                served.truncated += chunk.truncated
            await self._send(send, b"", more=False)
        except _StreamEnd:
            pass
        finally:
            self._hang_up.cancel()
            self._state.served.streams_open -= 1

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        """Give bytes to the connection, when it has room. Ends the stream if the client has left."""
        await send({"type": "http.response.body", "body": body, "more_body": more})
        await asyncio.sleep(0)  # now a hang-up before these bytes is known; and other clients have their turn
        self._check_connected()

    async def _chunks(self) -> AsyncIterator[_Chunk]:
        state = self._state
        yield _Chunk(_KEEP_ALIVE)  # headers alone do not reach every client
        sent_at = time.monotonic()
        while not (state.closing or self._ended):
            lines = self._due()
            if state.faults.active("stream"):
                for line in itertools.takewhile(lambda _: not self._ended, lines):
                    async for chunk in self._with_faults(line):
                        yield chunk
            elif lines:
                yield _Chunk(b"".join(line.body for line in lines), [slot for line in lines for slot in line.slots])
            left = sent_at + state.limits.keep_alive_seconds - time.monotonic()
            if not lines and left > 0:
                await asyncio.sleep(0)  # a long search for tweets that match must not keep other clients waiting
                await state.clock.beyond(self._tick, timeout=left)
                self._check_connected()
                continue
            if not lines:  # ticks may have passed: none of their tweets was for this client
                yield _Chunk(_KEEP_ALIVE)
            sent_at = time.monotonic()

    def _check_connected(self) -> None:
        """End the stream of a client that has hung up."""
        if self._hang_up.done():
            raise _StreamEnd

    def _due(self) -> list[_Chunk]:
        """The next lines that are due, as many as make a chunk. Moves the cursor."""
        state, clock, per_tick = self._state, self._state.clock, _TWEETS_PER_TICK
        if clock.generation != self._generation:  # another replay: from its start
            self._generation, self._origin, self._tick, self._next = clock.generation, clock.origin, -1, 0
        now = clock.tick
        end = (now + 1) * per_tick
        rules = [(number, tag, compile_rule(value)) for number, (value, tag) in state.rules.items()]
        lines: list[_Chunk] = []
        size = 0
        while self._next < end and size < _CHUNK:
            number, tweet = self._next, state.tweets[self._next % len(state.tweets)]
            self._next += 1
            size += 64 + 16 * len(rules)  # a tweet that no rule matches has cost time too
            matching = None
            if self._filtered:
                subject = Subject.of(tweet.plain, _author(tweet))
                matching = [{"id": rule, "tag": tag or ""} for rule, tag, match in rules if match(subject)]
                if not matching:
                    continue
            body = self._line(tweet, clock.instant(number // per_tick), number % per_tick, matching)
            lines.append(_Chunk(body, [self._origin * per_tick + number]))
            size += len(body)
        self._tick = now if self._next >= end else (self._next - 1) // per_tick - 1
        return lines

    def _line(self, tweet: Tweet, instant: int, place: int, matching: list[dict[str, str]] | None) -> bytes:
        """One line of the stream. Built by hand: a stream at full speed makes tens of thousands a second."""
        snowflake = ((instant * 1000 - _EPOCH_MS) << 22) | place
        parts = [f'{{"data":{{"edit_history_tweet_ids":["{snowflake}"],"id":"{snowflake}","text":{tweet.json_text}']
        if "created_at" in self._fields:
            created = datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            parts.append(f',"created_at":"{created}"')
        if "lang" in self._fields:
            parts.append(',"lang":"en"')
        if self._authors or "author_id" in self._fields:
            parts.append(f',"author_id":"{tweet.row}"')
        parts.append("}")
        if self._authors:
            name = _author(tweet)
            parts.append(f',"includes":{{"users":[{{"id":"{tweet.row}","name":"{name}","username":"{name}"}}]}}')
        if matching is not None:
            parts.append(f',"matching_rules":{json.dumps(matching, separators=(",", ":"), ensure_ascii=False)}')
        return ("".join(parts) + "}\r\n").encode(errors="backslashreplace")

    async def _with_faults(self, line: _Chunk) -> AsyncIterator[_Chunk]:
        for fault in list(self._state.faults.hits("stream")):
            if fault.kind == "malformed":
                yield _Chunk(fault.body.encode() + b"\r\n", malformed=1)
            elif fault.kind == "duplicate":
                yield line
            elif fault.kind == "stall":
                await asyncio.wait({self._hang_up}, timeout=fault.seconds)
                self._check_connected()
            elif fault.kind == "truncate":
                yield _Chunk(line.body[: len(line.body) // 2], truncated=1)
                raise _StreamEnd
            elif fault.kind == "disconnect":
                raise _StreamEnd
            elif fault.kind == "operational-disconnect":
                yield _Chunk(json.dumps({"errors": [_DISCONNECT]}, separators=(",", ":")).encode() + b"\r\n")
                self._ended = True  # the loop over the lines ends, and the response with it, properly
                return
        yield line


def _author(tweet: Tweet) -> str:  # a stand-in: the data set names none
    return f"reader_{tweet.row:04d}"


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""Answers as faults want them: whole, late, cut short, or never finished."""

import asyncio
import json
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kit.feeds.faults import Fault

__all__ = ["CutResponse", "json_bytes", "json_response", "troubled"]


def json_bytes(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json_bytes(body), status, headers, media_type="application/json;charset=utf-8")


class CutResponse(Response):
    """Promises its whole body, sends the first `keep` bytes, and drops the connection."""

    def __init__(self, whole: bytes, keep: int, media_type: str = "application/json") -> None:
        super().__init__(whole, media_type=media_type)
        self.keep = keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self.keep:
            await send({"type": "http.response.body", "body": bytes(self.body)[: self.keep], "more_body": True})
        # No end: the server closes the connection on what it takes for a broken application.


async def troubled(response: Response, faults: list[Fault]) -> tuple[Response, str]:
    """The response with the faults done to it, and what became of its records: whole, malformed, truncated or lost."""
    fate = "whole"
    for fault in faults:
        body = bytes(response.body)
        if fault.kind in ("latency", "stall"):
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "status":
            response, fate = _refusal(fault), "lost"
        elif fault.kind == "malformed":
            response, fate = Response(fault.body.encode(), media_type="application/json"), "malformed"
        elif fault.kind == "truncate":
            response, fate = CutResponse(body, len(body) // 2), "truncated"
        elif fault.kind in ("disconnect", "operational-disconnect"):
            response, fate = CutResponse(body, 0), "lost"
    return response, fate


def _refusal(fault: Fault) -> Response:
    headers = {"retry-after": "1"} if fault.status in (429, 503) else None
    text = "Too Many Requests" if fault.status == 429 else f"error {fault.status}"
    return Response(text, fault.status, headers, media_type="text/plain")

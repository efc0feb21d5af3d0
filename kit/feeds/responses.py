"""HTTP responses, and what faults make of them: late, cut short, or another response."""

import asyncio
import json
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kit.feeds.faults import Fault

__all__ = ["Refused", "apply_faults", "json_response"]


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with compact JSON. Half a surrogate, which UTF-8 does not have, comes as JSON's escape."""
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace")
    return Response(content, status, headers, media_type="application/json;charset=utf-8")


class Refused(Exception):
    """The request is refused with this response."""

    def __init__(self, response: Response) -> None:
        self.response = response


class _CutResponse(Response):
    """Promises its whole body, sends the first `keep` bytes, and drops the connection."""

    def __init__(self, body: bytes, keep: int) -> None:
        super().__init__(body, media_type="application/json")
        self._keep = keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self._keep:
            await send({"type": "http.response.body", "body": bytes(self.body)[: self._keep], "more_body": True})
        # Without an end: the server takes the application for broken, and closes the connection.


async def apply_faults(response: Response, faults: list[Fault]) -> tuple[Response, str]:
    """The response after the faults, and the outcome for its records: whole, malformed, truncated or lost."""
    outcome = "whole"
    for fault in faults:
        body = bytes(response.body)
        if fault.kind in ("latency", "stall"):
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "status":
            headers = {"retry-after": "1"} if fault.status in (429, 503) else None
            text = "Too Many Requests" if fault.status == 429 else f"error {fault.status}"
            response, outcome = Response(text, fault.status, headers, media_type="text/plain"), "lost"
        elif fault.kind == "malformed":
            response, outcome = Response(fault.body.encode(), media_type="application/json"), "malformed"
        elif fault.kind == "truncate":
            response, outcome = _CutResponse(body, len(body) // 2), "truncated"
        elif fault.kind in ("disconnect", "operational-disconnect"):
            response, outcome = _CutResponse(body, 0), "lost"
    return response, outcome

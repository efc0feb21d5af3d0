"""The X API v2: sample stream, filtered stream, and its rules.

Tweet n of the replay comes at tick n // 2. Its id is a snowflake: milliseconds of the replay's instant
since 4 November 2010 in the upper bits, its place in that second in the lower (source: X documentation, "Snowflake
IDs"). The data set names no authors: `reader_<row>` stands in for the author of a row, with the row as author id.
"""

import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from http.client import responses
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from kit.feeds.faults import Fault
from kit.feeds.responses import Refused, apply_faults, json_response
from kit.feeds.rules import RuleError, compile_rule
from kit.feeds.state import FeedState, RateLimit, State
from kit.feeds.streaming import StreamResponse

__all__ = ["router"]

router = APIRouter(prefix="/2/tweets")
_PROBLEMS = "https://api.twitter.com/2/problems/"
_MOST_RULES = 1000
_NO_RULES = '{"meta":{}}'  # what a fault cuts short

Headers = dict[str, str]


def _problem(status: int, title: str, detail: str, kind: str = "", headers: Headers | None = None) -> Refused:
    body = {"title": title, "detail": detail, "type": f"{_PROBLEMS}{kind}" if kind else "about:blank"}
    return Refused(json_response({**body, "status": status}, status, headers))


def _invalid(detail: str, headers: Headers) -> Refused:
    return _problem(400, "Invalid Request", detail, "invalid-request", headers)


def _access(request: Request, state: FeedState, rate: RateLimit, limit: int) -> Headers:
    """The rate limit's headers; Refused for a client without the token, or that asks too often."""
    state.served.requests += 1
    given = request.headers.get("authorization", "")
    if given and given.split()[:1] != ["Bearer"]:
        detail = "This endpoint wants a bearer token."
        raise _problem(403, "Unsupported Authentication", detail, "unsupported-authentication")
    if given != f"Bearer {state.token}":
        raise _problem(401, "Unauthorized", "Unauthorized")
    allowed, remaining, free_in = rate.take(limit)
    headers = {"x-rate-limit-limit": str(limit), **_left(remaining, free_in)}
    if not allowed:
        raise _problem(429, "Too Many Requests", "Too Many Requests", headers=headers)
    return headers


def _left(remaining: int, free_in: float) -> Headers:
    return {"x-rate-limit-remaining": str(remaining), "x-rate-limit-reset": str(int(time.time() + free_in) + 1)}


async def _with_faults(faults: Iterable[Fault], headers: Headers) -> None:
    """Wait as the faults want, and raise Refused if one takes the place of the answer, in X's own words."""
    answer, outcome = await apply_faults(Response(_NO_RULES), list(faults))
    if outcome == "whole":
        return
    if answer.status_code < 400:
        raise Refused(answer)
    if answer.status_code == 429:
        headers = {**headers, **_left(0, 1.0)}  # a client that waits until the reset comes back soon
    title = responses.get(answer.status_code, "Error")
    raise _problem(answer.status_code, title, title, headers=headers)


# ---- streams --------------------------------------------------------------------------------------------------


@router.get("/sample/stream")
@router.get("/search/stream")
async def stream(request: Request, state: State) -> Response:
    filtered = "/search/" in request.url.path
    headers = _access(request, state, state.connect_rate, state.limits.connects_per_15min)
    asked = request.query_params
    minutes = asked.get("backfill_minutes", "0")
    if minutes not in tuple("012345"):
        raise _invalid(f"The `backfill_minutes` query parameter value [{minutes}] is not between 0 and 5", headers)
    await _with_faults(state.faults.hits("stream", connecting=True), headers)
    # Last, for nothing may wait between this count of open streams and the one more.
    if state.served.streams_open >= state.limits.stream_connections:
        detail = "This stream is currently at the maximum allowed connection limit."
        raise _connection_issue(429, "TooManyConnections", detail)
    if filtered and not state.rules:
        raise _connection_issue(409, "RuleConfigurationIssue", "There are no rules associated with this stream.")
    return StreamResponse(state, asked, filtered=filtered, headers=headers)


def _connection_issue(status: int, issue: str, detail: str) -> Refused:
    body = {"title": "ConnectionException", "detail": detail, "connection_issue": issue}
    return Refused(json_response({**body, "type": f"{_PROBLEMS}streaming-connection"}, status))


# ---- rules ----------------------------------------------------------------------------------------------------


async def _rules_access(request: Request, state: FeedState) -> Headers:
    """As `_access`, with the faults of the route ``rules``."""
    headers = _access(request, state, state.rules_rate, 450)
    await _with_faults(state.faults.hits("rules"), headers)
    return headers


def _meta(meta: dict[str, Any], status: int = 200, headers: Headers | None = None, **body: Any) -> Response:
    """An answer about rules, with those parts of the body that have something in them."""
    sent = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    filled = {name: value for name, value in body.items() if value}
    return json_response({**filled, "meta": {"sent": sent, **meta}}, status, headers)


@router.get("/search/stream/rules")
async def list_rules(request: Request, state: State) -> Response:
    headers = await _rules_access(request, state)
    data = _listed(state.rules)
    return _meta({"result_count": len(data)}, headers=headers, data=data)


@router.post("/search/stream/rules")
async def change_rules(request: Request, state: State) -> Response:
    headers = await _rules_access(request, state)
    try:
        body = await request.json()
        adding, deleting = body.get("add"), body.get("delete")
    except (ValueError, AttributeError, RecursionError):
        adding = deleting = None
    if adding is None and isinstance(deleting, dict) and isinstance(deleting.get("ids"), list):
        return _delete(state, deleting["ids"], headers)
    if isinstance(adding, list) and deleting is None:
        return _add(state, adding, headers)
    raise _invalid("One or more parameters to your request was invalid.", headers)


def _listed(rules: dict[str, tuple[str, str | None]]) -> list[dict[str, str]]:
    return [{"id": number, "value": value, **({"tag": tag} if tag else {})} for number, (value, tag) in rules.items()]


def _add(state: FeedState, adding: list[Any], headers: Headers) -> Response:
    made: dict[str, tuple[str, str | None]] = {}
    errors: list[dict[str, Any]] = []
    known = {value: number for number, (value, _) in state.rules.items()}
    for item in adding:
        value, tag = (item.get("value"), item.get("tag")) if isinstance(item, dict) else ("", None)
        value, tag = value if isinstance(value, str) else "", tag if isinstance(tag, str) else None
        try:
            compile_rule(value)
        except RuleError as error:
            kind = f"{_PROBLEMS}invalid-rules"
            errors.append({"value": value, "details": [str(error)], "title": "UnprocessableEntity", "type": kind})
            continue
        if value in known:
            kind = f"{_PROBLEMS}duplicate-rules"
            errors.append({"value": value, "id": known[value], "title": "DuplicateRule", "type": kind})
        elif len(known) >= _MOST_RULES:
            errors.append({"value": value, "title": "RulesCapExceeded", "type": f"{_PROBLEMS}rule-cap"})
        else:
            known[value] = str(uuid.uuid4().int >> 66)
            made[known[value]] = value, tag
    state.rules.update(made)
    invalid = sum(error["title"] == "UnprocessableEntity" for error in errors)
    summary = {"created": len(made), "not_created": len(errors), "valid": len(adding) - invalid, "invalid": invalid}
    status = 201 if made else 400 if invalid else 200
    return _meta({"summary": summary}, status, headers, data=_listed(made), errors=errors)


def _delete(state: FeedState, numbers: list[Any], headers: Headers) -> Response:
    wanted = set(map(str, numbers))
    found = wanted & state.rules.keys()
    for number in found:
        del state.rules[number]
    missing = len(wanted - found)
    errors = [{"title": "Invalid Request", "detail": "Rule does not exist", "type": f"{_PROBLEMS}not-found"}] * missing
    summary = {"deleted": len(found), "not_deleted": missing}
    return _meta({"summary": summary}, 200 if found or not missing else 400, headers, errors=errors)

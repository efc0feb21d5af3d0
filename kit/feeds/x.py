"""The X API v2's wire format: sample stream, filtered stream, and its rules.

Tweet n of the replay comes at tick n // tweets_per_tick. Its id is a snowflake: milliseconds of the replay's instant
since 4 November 2010 in the upper bits, its place in that second in the lower (source: X documentation, "Snowflake
IDs"). The data set names no authors: `reader_<row>` stands in for the author of a row, with the row as author id.
"""

import time
import uuid
from datetime import UTC, datetime
from http.client import responses
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from kit.feeds.responses import json_response, troubled
from kit.feeds.rules import RuleError, compile_rule
from kit.feeds.streaming import StreamResponse, Wanted
from kit.feeds.world import Window, World

__all__ = ["router"]

router = APIRouter(prefix="/2/tweets")
_PROBLEMS = "https://api.twitter.com/2/problems"
_DUPLICATE = f"{_PROBLEMS}/duplicate-rules"
_MISSING = f"{_PROBLEMS}/not-found"
_BLANK = "about:blank"
_MAX_RULES = 1000


def _problem(status: int, title: str, detail: str, kind: str, headers: dict[str, str] | None = None) -> Response:
    kind = kind if kind == _BLANK else f"{_PROBLEMS}/{kind}"
    body = {"title": title, "detail": detail, "type": kind, "status": status}
    return json_response(body, status, headers)


def _unauthorized(request: Request, world: World) -> Response | None:
    given = request.headers.get("authorization", "")
    if given == f"Bearer {world.token}":
        return None
    if given and given.split()[0] != "Bearer":
        detail = "This endpoint wants a bearer token."
        return _problem(403, "Unsupported Authentication", detail, "unsupported-authentication")
    return _problem(401, "Unauthorized", "Unauthorized", _BLANK)


def _limited(window: Window, limit: int) -> tuple[bool, dict[str, str]]:
    allowed, remaining, free_in = window.take(limit)
    return allowed, {"x-rate-limit-limit": str(limit), **_left(remaining, free_in)}


def _left(remaining: int, free_in: float) -> dict[str, str]:
    return {"x-rate-limit-remaining": str(remaining), "x-rate-limit-reset": str(int(time.time() + free_in) + 1)}


def _too_many(headers: dict[str, str]) -> Response:
    return _problem(429, "Too Many Requests", "Too Many Requests", _BLANK, headers)


def _worded(answer: Response, headers: dict[str, str]) -> Response:
    """The answer that faults have made; a refusal in X's own words."""
    if answer.status_code < 400:
        return answer
    if answer.status_code == 429:
        headers = {**headers, **_left(0, 1.0)}  # a client that waits as it is told comes back soon
    title = responses.get(answer.status_code, "Error")
    return _problem(answer.status_code, title, title, _BLANK, headers)


def _wanted(asked: dict[str, str]) -> Wanted:
    """Which fields a client asks for.

    Raises
    ------
    ValueError
        A parameter has a value that X would refuse.
    """
    fields = set(filter(None, asked.get("tweet.fields", "").split(",")))
    minutes = asked.get("backfill_minutes", "0")
    if minutes not in tuple("012345"):
        raise ValueError(f"The `backfill_minutes` query parameter value [{minutes}] is not between 0 and 5")
    expansions = set(filter(None, asked.get("expansions", "").split(",")))
    return Wanted(fields=frozenset(fields), authors="author_id" in expansions, backfill=int(minutes) * 60)


async def _stream(request: Request, *, filtered: bool) -> Response:
    world: World = request.app.state.world
    world.served.requests += 1
    if refused := _unauthorized(request, world):
        return refused
    allowed, headers = _limited(world.connect_window, world.limits.connects_per_15min)
    if not allowed:
        return _too_many(headers)
    try:
        wanted = _wanted(dict(request.query_params))
    except ValueError as error:
        return _problem(400, "Invalid Request", str(error), "invalid-request", headers)
    answer, fate = await troubled(Response(""), list(world.faults.hits("stream", connecting=True)))
    if fate == "lost":
        return _worded(answer, headers)
    # Last, for nothing may wait between this count of open streams and the one more.
    issue = _connection_issue(world, filtered=filtered)
    return issue or StreamResponse(world, wanted, filtered=filtered, headers=headers)


def _connection_issue(world: World, *, filtered: bool) -> Response | None:
    """Why X would not open one more stream, or None."""
    if world.served.streams_open >= world.limits.stream_connections:
        status, issue = 429, "TooManyConnections"
        detail = "This stream is currently at the maximum allowed connection limit."
    elif filtered and not world.rules:
        status, issue = 409, "RuleConfigurationIssue"
        detail = "There are no rules associated with this stream."
    else:
        return None
    body = {"title": "ConnectionException", "detail": detail, "connection_issue": issue}
    return json_response({**body, "type": f"{_PROBLEMS}/streaming-connection"}, status)


@router.get("/sample/stream")
async def sample(request: Request) -> Response:
    return await _stream(request, filtered=False)


@router.get("/search/stream")
async def search(request: Request) -> Response:
    return await _stream(request, filtered=True)


# ---- rules ----------------------------------------------------------------------------------------------------


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _rules_gate(request: Request) -> tuple[World, Response | None, dict[str, str]]:
    world: World = request.app.state.world
    world.served.requests += 1
    if refused := _unauthorized(request, world):
        return world, refused, {}
    allowed, headers = _limited(world.rules_window, 450)
    if not allowed:
        return world, _too_many(headers), headers
    answer, fate = await troubled(json_response({"meta": {"sent": _now()}}), list(world.faults.hits("rules")))
    return world, None if fate == "whole" else _worded(answer, headers), headers


@router.get("/search/stream/rules")
async def list_rules(request: Request) -> Response:
    world, refused, headers = await _rules_gate(request)
    if refused:
        return refused
    data = [_rule(number, *rule) for number, rule in world.rules.items()]
    body: dict[str, Any] = {"data": data} if data else {}
    return json_response({**body, "meta": {"sent": _now(), "result_count": len(data)}}, 200, headers)


@router.post("/search/stream/rules")
async def change_rules(request: Request, dry_run: bool = False) -> Response:
    world, refused, headers = await _rules_gate(request)
    if refused:
        return refused
    try:
        body = await request.json()
        adding, deleting = body.get("add"), body.get("delete")
    except (ValueError, AttributeError):
        adding = deleting = None
    if isinstance(deleting, dict) and adding is None and all(isinstance(one, list) for one in deleting.values()):
        return _delete(world, deleting, headers, dry_run=dry_run)
    if isinstance(adding, list) and deleting is None:
        return _add(world, adding, headers, dry_run=dry_run)
    return _problem(
        400, "Invalid Request", "One or more parameters to your request was invalid.", "invalid-request", headers
    )


def _rule(number: str, value: str, tag: str | None) -> dict[str, str]:
    return {"id": number, "value": value, **({"tag": tag} if tag else {})}


def _add(world: World, adding: list[Any], headers: dict[str, str], *, dry_run: bool) -> Response:
    made: dict[str, tuple[str, str | None]] = {}
    errors: list[dict[str, Any]] = []
    for item in adding:
        value, tag = (item.get("value"), item.get("tag")) if isinstance(item, dict) else ("", None)
        value, tag = value if isinstance(value, str) else "", tag if isinstance(tag, str) else None
        known = next((number for number, rule in {**world.rules, **made}.items() if rule[0] == value), None)
        try:
            compile_rule(value)
        except RuleError as error:
            errors.append(
                {
                    "value": value,
                    "details": [str(error)],
                    "title": "UnprocessableEntity",
                    "type": f"{_PROBLEMS}/invalid-rules",
                }
            )
            continue
        if known is not None:
            errors.append({"value": value, "id": known, "title": "DuplicateRule", "type": _DUPLICATE})
        elif len(world.rules) + len(made) >= _MAX_RULES:
            errors.append({"value": value, "title": "RulesCapExceeded", "type": f"{_PROBLEMS}/rule-cap"})
        else:
            made[str(uuid.uuid4().int >> 66)] = (value, tag)
    if not dry_run:
        world.rules.update(made)
    invalid = sum(error["title"] == "UnprocessableEntity" for error in errors)
    summary = {"created": len(made), "not_created": len(errors), "valid": len(adding) - invalid, "invalid": invalid}
    body: dict[str, Any] = {"meta": {"sent": _now(), "summary": summary}}
    if made:
        body["data"] = [_rule(number, *rule) for number, rule in made.items()]
    if errors:
        body["errors"] = errors
    return json_response(body, 201 if made else 400 if invalid else 200, headers)


def _delete(world: World, deleting: dict[str, Any], headers: dict[str, str], *, dry_run: bool) -> Response:
    wanted_ids = [str(number) for number in deleting.get("ids") or ()]
    wanted_values = [str(value) for value in deleting.get("values") or ()]
    numbers = [n for n, rule in world.rules.items() if n in wanted_ids or rule[0] in wanted_values]
    there = {*numbers, *(world.rules[number][0] for number in numbers)}
    missing = sum(one not in there for one in [*wanted_ids, *wanted_values])
    if not dry_run:
        for number in numbers:
            del world.rules[number]
    summary = {"deleted": len(numbers), "not_deleted": missing}
    body: dict[str, Any] = {"meta": {"sent": _now(), "summary": summary}}
    if missing:
        body["errors"] = [{"title": "Invalid Request", "detail": "Rule does not exist", "type": _MISSING}]
    return json_response(body, 200 if numbers or not missing else 400, headers)

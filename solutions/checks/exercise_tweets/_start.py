"""Gap 6: the actor started."""

from contextlib import suppress
from typing import Any

import pykka

from kit.exercises import CheckContext, shown

from ._actor import SpyProducer, live_list
from ._common import about, same

__all__ = ["start_actor"]

_ONLY_START = "leave stopping to its user, and telling it anything, too: only start it"
_START = "the class has a method start, which makes an actor and runs it"


def start_actor(context: CheckContext) -> None:
    function, kind = context.named("start_actor"), context.named("TweetActor")
    given = {"producer": SpyProducer("check-x"), "topic": context.new_topic(), "live": live_list(context), "every": 7}
    before, returned = set(pykka.ActorRegistry.get_all()), list[Any]()
    context.defer(lambda: _stop_all({*_started(kind, before), *returned} - before))
    context.advise = _advice
    for again in ("", ", once more with the same arguments"):
        known = {*before, *returned}
        on = f"start_actor(producer, {given['topic']!r}, live, 7){again}"
        ref = context.call(function, *given.values(), on=on)
        started = _started(kind, known)
        if any(ref is one for one in returned) or (ref in returned if isinstance(ref, pykka.ActorRef) else False):
            advice = "start a new actor in each call: the one before may have been stopped"
            context.wrong("another actor, and its ref", got="the same one again", advice=advice)
        returned += [ref] if isinstance(ref, pykka.ActorRef) else []  # pykka knows only actors that were started
        _check_ref(context, ref, started)
        if not issubclass(ref.actor_class, kind):
            got = f"a {ref.actor_class.__name__}"
            context.wrong("a TweetActor", got=got, advice=f"start TweetActor itself: {_START}")
        if started != [ref]:
            advice = "call start once, each time start_actor is called, and return what it gives"
            if not started and ref not in before:
                advice = f"TweetActor(…) makes an actor without a thread; {_START}"
            got = f"{len(started)} were started" if len(started) != 1 else "one was started, and another's ref returned"
            context.wrong("one actor, and its ref", got=got if started else "none was started now", advice=advice)
        _check_arguments(context, ref, given)


def _started(kind: Any, known: set[Any]) -> list[Any]:
    """The new actors of the notebook's own classes, and not those of another program in this kernel."""
    new = [one for one in pykka.ActorRegistry.get_all() if one not in known]
    return [one for one in new if one.actor_class.__module__ in (kind.__module__, "pykka._threading")]


def _check_ref(context: CheckContext, ref: Any, started: list[Any]) -> None:
    if isinstance(ref, pykka.Actor):
        got, advice = (
            "the actor itself, which was not started",
            f"TweetActor(…) makes an actor without a thread; {_START}",
        )
        if started:
            got, advice = "an actor itself, not its ref", "one was started: return what start gave"
        context.wrong("the ref of an actor that runs", got=got, advice=advice)
    if isinstance(ref, pykka.ActorProxy):
        context.wrong("a ref (ActorRef)", got="a proxy", advice="return the ref that start gives, without .proxy()")
    if not isinstance(ref, pykka.ActorRef):
        advice = "return what start gives" if started else f"{_START}, and gives its ref"
        if not started and callable(ref):
            advice = "call it, with the four arguments"
        context.wrong("the ref of an actor (ActorRef)", got=ref, advice=advice)
    if not ref.is_alive():
        context.wrong("an actor that runs", got="one that has stopped", advice=_ONLY_START)


def _check_arguments(context: CheckContext, ref: Any, given: dict[str, Any]) -> None:
    words = {id(value): shown(value) if isinstance(value, int | str) else name for name, value in given.items()}
    actor = ref._actor_weakref()
    if actor is None or not ref.is_alive():
        context.wrong("an actor that runs", got="one that has stopped", advice=_ONLY_START)
    for name, wanted in given.items():
        got = vars(actor).get(name, "nothing")
        if got is wanted or (isinstance(wanted, int | str) and same(got, wanted)):
            continue
        advice = f"pass {name} on as it came"
        if id(got) in words:
            advice = "pass the arguments on in this order: producer, topic, live, every"
        text = f"self.{name} = {words.get(id(got), shown(got))}"
        context.wrong(f"self.{name} = {words[id(wanted)]}", got=text, advice=advice)


def _advice(error: BaseException) -> str:
    takes = "start belongs to the class, and takes the same arguments as __init__"
    return about(
        error,
        (TypeError, r"__init__\(\)", takes),
        (AttributeError, "'TweetActor'|'pykka'", _START),
    )


def _stop_all(refs: set[Any]) -> None:
    """Stop actors, without what they do at their end: that is another gap, and may be open."""
    for ref in refs:
        actor = ref._actor_weakref()
        if actor is not None:
            actor.on_stop = lambda: None
        with suppress(pykka.ActorDeadError):
            ref.stop(block=False)

"""Gap 6: the actor started."""

from contextlib import suppress
from typing import Any

import pykka

from kit.exercises._trial import Trial, shown
from kit.exercises.tweets._advice import about
from kit.exercises.tweets._receiving import live_list

__all__ = ["start_actor"]

_ONLY_START = "leave stopping to who uses it, and telling it anything, too: only start it"
_START = "TweetActor.start(producer, topic, live, every)"


def start_actor(trial: Trial) -> None:
    function = trial.named("start_actor")
    kind = trial.named("TweetActor")
    given = {"producer": trial.producer(), "topic": trial.new_topic(), "live": live_list(trial), "every": 7}
    before, returned = set(pykka.ActorRegistry.get_all()), list[Any]()

    def started_since() -> list[Any]:
        """The actors of the notebook's own classes, and not those of somebody else in this kernel."""
        new = [one for one in pykka.ActorRegistry.get_all() if one not in before]
        return [one for one in new if one.actor_class.__module__ in (kind.__module__, "pykka._threading")]

    trial.defer(lambda: _stop_all({*started_since(), *returned} - before))
    trial.advise = _start_advice
    ref = trial.call(function, *given.values(), on=f"start_actor(producer, {given['topic']!r}, live, 7)")
    returned += [ref] if isinstance(ref, pykka.ActorRef) else []  # pykka has no book of who was started otherwise
    started = started_since()
    _check_ref(trial, ref, started)
    if not issubclass(ref.actor_class, kind):
        trial.wrong("a TweetActor", got=f"a {ref.actor_class.__name__}", advice=f"start TweetActor: return {_START}")
    if started != [ref]:
        advice = "call start once, each time start_actor is called, and return what it gives"
        if not started and ref not in before:
            advice = f"TweetActor(…) makes an actor that nobody runs; start makes it and runs it: {_START}"
        got = f"{len(started)} were started" if len(started) != 1 else "one was started, and another's ref returned"
        trial.wrong("one actor, and its ref", got=got if started else "none was started now", advice=advice)
    _check_arguments(trial, ref, given)


def _check_ref(trial: Trial, ref: Any, started: list[Any]) -> None:
    if isinstance(ref, pykka.Actor):
        got, advice = (
            "the actor itself, which nobody has started",
            f"TweetActor(…) makes an actor, start runs it: {_START}",
        )
        if started:
            got, advice = "an actor itself, not its ref", "one was started: return what start gave"
        trial.wrong("the ref of an actor that runs", got=got, advice=advice)
    if isinstance(ref, pykka.ActorProxy):
        trial.wrong("a ref (ActorRef)", got="a proxy", advice="return what start gives, without .proxy()")
    if not isinstance(ref, pykka.ActorRef):
        advice = "return what start gives" if started else "TweetActor.start(…) makes the actor, and gives its ref"
        if not started and callable(ref):
            advice = "call it, with the four arguments: TweetActor.start(…)"
        trial.wrong("the ref of an actor (ActorRef)", got=ref if ref is None else shown(ref), advice=advice)
    if not ref.is_alive():
        trial.wrong("an actor that runs", got="one that has stopped", advice=_ONLY_START)


def _check_arguments(trial: Trial, ref: Any, given: dict[str, Any]) -> None:
    proxy = ref.proxy()
    words = {id(x): shown(x) if isinstance(x, int | str) else name for name, x in given.items()}
    for name, wanted in given.items():
        try:
            got = getattr(proxy, name).get(timeout=2)
        except (AttributeError, pykka.Timeout):
            got = "nothing"
        except pykka.ActorDeadError:
            trial.wrong("an actor that runs", got="one that has stopped", advice=_ONLY_START)
        if got is wanted or got == wanted:
            continue
        advice = f"pass {name} on as it came"
        if id(got) in words:
            advice = "pass the arguments on in this order: producer, topic, live, every"
        got = words.get(id(got), shown(got))
        trial.wrong(f"self.{name} = {words[id(wanted)]}", got=f"self.{name} = {got}", advice=advice)


def _start_advice(error: BaseException) -> str:
    return about(
        error,
        (TypeError, r"__init__\(\)", f"start belongs to the class, and takes the same arguments as __init__: {_START}"),
        (AttributeError, "'TweetActor'|'pykka'", f"the class has a method that starts an actor of it: {_START}"),
    )


def _stop_all(refs: "set[pykka.ActorRef[Any]]") -> None:
    """Stop actors, without what they do at their end: that is another gap, and may be open."""
    for ref in refs:
        with suppress(pykka.ActorDeadError, pykka.Timeout):
            ref.ask(pykka.messages.ProxySetAttr(attr_path=("on_stop",), value=_nothing), timeout=0.5)
            ref.stop(timeout=0.5)


def _nothing() -> None:
    """What an actor does at its end, when it is a check that ends it."""

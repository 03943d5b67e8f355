"""Reads as Feast's feature server answers them, so that its clients read from here."""

from __future__ import annotations

from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from towpath.core.errors import Invalid, TowpathError, did_you_mean
from towpath.core.instant import to_micros
from towpath.features.server.definitions import asked_set, asked_views
from towpath.features.server.encode import Statuses, Times, cells, never
from towpath.features.server.given import checked_columns
from towpath.features.server.plain_answers import PlainAnswers, Question
from towpath.web.message import Response
from towpath.web.problem import Malformed, Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.core.clock import Clock
    from towpath.features.columns import Columns
    from towpath.features.server.definitions import Definitions
    from towpath.features.server.reads import Reads
    from towpath.features.server.source import Asked, Feature, Given
    from towpath.web.message import Request

# So many different questions are remembered; a client asks a few.
PLANS = 1024
HINT = "Name features as view:feature, or a feature_service."


# Places among the columns, and the features there.
Picks = tuple[tuple[int, "Feature"], ...]


class OnlineRequest(msgspec.Struct):
    """The body of ``POST /get-online-features``; other fields are passed over, as Feast does.

    Args:
        entities: values of each key.
        feature_service: name of a feature set.
        features: references such as ``driver:trips``; give either.
        full_feature_names: whether features are named ``driver__trips``, not ``trips``.
    """

    entities: dict[str, list[object]]
    feature_service: str | None = None
    features: tuple[str, ...] = ()
    full_feature_names: bool = False


class Vector(msgspec.Struct):
    """One column of the answer."""

    values: list[object] | msgspec.Raw
    statuses: msgspec.Raw
    event_timestamps: msgspec.Raw


class OnlineAnswer(msgspec.Struct):
    """The answer: entities first, then features, as ``metadata`` names them."""

    metadata: msgspec.Raw
    results: list[Vector]
    status: bool = True


class Plan(NamedTuple):
    """How one kind of question is answered.

    Args:
        asked: what answers it.
        picks: the features, each run of those of one view by that view's number.
        by_key: whether the spine's rows are found by their key.
        metadata: names of the answer's columns as JSON.
        plain: answers for one row by a shorter way, where that can be.
    """

    asked: Asked
    picks: tuple[tuple[int | None, Picks], ...]
    by_key: bool
    metadata: msgspec.Raw
    plain: PlainAnswers | None


class FeastReads:
    """Answers ``POST /get-online-features``.

    Args:
        known: the project's definitions.
        clock: tells the time that features are of.
        reads: counts what is read.
    """

    def __init__(self, known: Definitions, *, clock: Clock, reads: Reads) -> None:
        """Start without plans."""
        self._known = known
        self._clock = clock
        self._reads = reads
        self._plans: dict[object, Plan] = {}
        self._asked: dict[object, Asked] = {}
        self._decode = msgspec.json.Decoder(OnlineRequest).decode
        self._encode = msgspec.json.Encoder().encode

    def answer(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            msgspec.DecodeError: the body is not JSON, or not of the request's type.
            Missing: no such feature set, view or feature.
            Invalid: keys that do not fit, or a question that has no single answer.
        """
        plan, (entities, given) = self._question(request)
        at = to_micros(self._clock.now())
        rows = len(next(iter(entities.values())))
        columns = plan.asked.read(given, at, rows=rows, by_key=plan.by_key)
        if self._reads.due():
            self._reads.note(plan.asked, columns, at)
        return Response(self._encode(_answer(plan, entities, columns)))

    def together(self, requests: Sequence[Request]) -> list[Response | None]:
        """Answer the usual questions about one row each, by one look at the store for all.

        None stands for every other one, which ``answer`` is for.
        """
        answers: list[Response | None] = [None] * len(requests)
        usual: dict[PlainAnswers, dict[int, Question]] = {}
        for place, request in enumerate(requests):
            # The long way knows what to answer then, and below.
            with suppress(msgspec.DecodeError, TowpathError):
                plan, question = self._question(request)
                if plan.plain is not None and question.is_usual:
                    usual.setdefault(plan.plain, {})[place] = question
        at = to_micros(self._clock.now())
        for plain, questions in usual.items():
            with suppress(TowpathError):
                rows = plain.read([*questions.values()], at)
                for (place, question), row in zip(questions.items(), rows, strict=True):
                    if row is None:
                        continue
                    answers[place] = Response(plain.write(question, row))
                    if self._reads.due():
                        newest = [key.wholes[-1] for key in row]
                        self._reads.note_found(plain.views, newest, at)
        return answers

    def _question(self, request: Request) -> tuple[Plan, Question]:
        """Read a request, and find out how it is answered; raises as ``answer`` does."""
        try:
            body = self._decode(request.body)
        except RecursionError:
            raise Malformed("The body is nested too deeply.", hint=HINT) from None
        kind = (body.feature_service, body.features, body.full_feature_names, tuple(body.entities))
        known = self._plans.get(kind)
        plan = known or self._made(body)
        needed = plan.asked.key if plan.by_key else plan.asked.row
        others = () if plan.by_key else self._spine_names(body)
        given = checked_columns(body.entities, needed, known=others)
        if known is None:
            # Not before its names are known to be those of a definition: others have any length.
            if len(self._plans) >= PLANS:
                self._plans.clear()
            self._plans[kind] = plan
        entities = {name: given.get(name, values) for name, values in body.entities.items()}
        return plan, Question(entities, given)

    def _spine_names(self, body: OnlineRequest) -> tuple[str, ...]:
        """Return the names that a row may have beside those that are needed."""
        chosen = self._known.feature_sets.get(body.feature_service or "")
        return self._known.datasets[chosen.spine].names if chosen else ()

    def _made(self, body: OnlineRequest) -> Plan:
        """Find what answers a question."""
        if (body.feature_service is None) == (not body.features):
            message = "The request must name either features or a feature_service."
            raise Invalid(message, hint=HINT)
        if body.feature_service is not None:
            asked = self._source(body.feature_service)
            picks = tuple(enumerate(asked.features))
        else:
            asked, picks = self._by_references(body.features)
        shown = _shown(picks, full=body.full_feature_names)
        by_key = bool(asked.key) and {one.name for one in asked.key} == set(body.entities)
        names = [*body.entities, *shown]
        metadata = msgspec.Raw(self._encode({"feature_names": names}))
        runs = tuple((view, tuple(run)) for view, run in groupby(picks, lambda pick: pick[1].view))
        rows = asked.plain
        plain = None
        if rows is not None and not by_key:
            plain = PlainAnswers(rows, asked.views, picks=picks, metadata=metadata)
        return Plan(asked, runs, by_key, metadata, plain)

    def _by_references(self, references: tuple[str, ...]) -> tuple[Asked, Picks]:
        """Find what answers for references, and which of its columns they name."""
        parted = [_parted(one) for one in references]
        owners = tuple(dict.fromkeys(owner for owner, _ in parted))
        names = {*self._known.views, *self._known.feature_sets}
        for owner in owners:
            if owner not in names:
                message = f"There is no view or feature set {owner!r}."
                raise Missing(message, hint=did_you_mean(owner, names))
        if len(owners) == 1 and owners[0] not in self._known.views:
            asked = self._source(owners[0])
            places = {(owners[0], one.name): at for at, one in enumerate(asked.features)}
        else:
            asked = self._source(owners)
            places = {
                (asked.views[one.view or 0], one.short): at for at, one in enumerate(asked.features)
            }
        picks = []
        for owner, name in parted:
            if (owner, name) not in places:
                known = [short for view, short in places if view == owner]
                message = f"There is no feature {name!r} in {owner!r}."
                raise Missing(message, hint=did_you_mean(name, known))
            at = places[owner, name]
            picks.append((at, asked.features[at]))
        return asked, tuple(picks)

    def _source(self, name: str | tuple[str, ...]) -> Asked:
        """Return what answers for a feature set, or for views."""
        if name not in self._asked:
            if isinstance(name, str):
                self._asked[name] = asked_set(self._known, name)
            else:
                self._asked[name] = asked_views(self._known, name)
        return self._asked[name]


def _parted(reference: str) -> tuple[str, str]:
    """Split a reference into view and feature."""
    owner, colon, name = reference.partition(":")
    if not (owner and colon and name):
        raise Invalid(f"{reference!r} is no reference to a feature.", hint=HINT)
    return owner, name


def _shown(picks: Picks, *, full: bool) -> list[str]:
    """Return the names that an answer has for its features.

    Raises:
        Invalid: two would have the same one.
    """
    names = [one.name if full else one.short for _, one in picks]
    for place, name in enumerate(names):
        first = names.index(name)
        if first < place:
            both = f"{picks[first][1].name} and {picks[place][1].name}"
            hint = "Ask for each once, and with full_feature_names if views share a name."
            raise Invalid(f"The answer would have two columns {name!r}: {both}.", hint=hint)
    return names


def _answer(plan: Plan, entities: Given, columns: Columns) -> OnlineAnswer:
    """Put an answer together."""
    statuses, times = Statuses(columns), Times(columns)
    none, every = never(columns.rows), statuses.everywhere
    results = [Vector(values, every, none) for values in entities.values()]
    features = columns.features
    for view, picks in plan.picks:
        moments, whole = times.of(view), statuses.whole(view)
        for place, feature in picks:
            values = features[place]
            plain = whole if values.present is None else None
            status = statuses.of(values, view) if plain is None else plain
            results.append(Vector(cells(values, feature, seconds=True), status, moments))
    return OnlineAnswer(plan.metadata, results)

"""A feature set: the named, ordered list of values that a model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.name import checked_name
from towpath.core.record import Record, fingerprint
from towpath.features.condition import condition_columns
from towpath.features.derived import Derived, derived_dtype
from towpath.features.feature_dtype import feature_dtype
from towpath.features.view import Aggregate, FeatureView, Latest, ViewRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.lake.dataset import Column, Dataset

Value = bool | int | float | str
KEY_TYPES = ("string", "int64", "bool", "timestamp")
NEVER_MISSING = ("count", "sum", "distinct")
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "int64": (int,),
    "float64": (int, float),
    "bool": (bool,),
    "string": (str,),
    "timestamp": (int,),
}


class FeatureSet(Record, frozen=True):
    """The features of the rows of a spine, each as of the row's prediction time.

    Features of views are named ``view__feature``; columns and derived features keep their names.

    Args:
        name: the set's name.
        spine: dataset whose rows are the things to predict on.
        at: the spine's timestamp column with the prediction time.
        views: views by name where keys are named as in the spine, else ``view.on(key="column")``.
        columns: columns of the spine that are features themselves.
        derived: features computed from the others, in order.
        defaults: values for unknown keys, where an endpoint answers those.
        description: what the set is for.
        owner: who answers for it.

    Example:
        >>> FeatureSet("delay", "schedule", "at", ("carrier",)).refs[0].view
        'carrier'
    """

    name: str
    spine: str
    at: str
    views: tuple[str | ViewRef, ...] = ()
    columns: tuple[str, ...] = ()
    derived: tuple[Derived, ...] = ()
    defaults: dict[str, Value] = msgspec.field(default_factory=dict)
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        """Check the name."""
        checked_name(self.name, "feature set")

    @property
    def refs(self) -> tuple[ViewRef, ...]:
        """The views, each as a reference."""
        return tuple(ViewRef(view) if isinstance(view, str) else view for view in self.views)


def feature_schema(
    feature_set: FeatureSet, views: Mapping[str, FeatureView], datasets: Mapping[str, Dataset]
) -> dict[str, str]:
    """Name the features in order with their types: views, then columns, then derived.

    The types are int64, float64, bool, string and timestamp, ``decimal(p,s)`` and ``list<...>``.

    Raises:
        Invalid: the definition does not fit the views and datasets.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> spine = Dataset("trips", (Column("at", "timestamp"), Column("seats", "int64")))
        >>> fare = FeatureSet("fare", "trips", "at", columns=("seats",))
        >>> feature_schema(fare, {}, {"trips": spine})
        {'seats': 'int64'}
    """
    spine = _dataset(feature_set.spine, datasets, f"Feature set {feature_set.name!r}")
    named: list[tuple[str, str]] = []
    for ref in feature_set.refs:
        view = known_view(ref, views, feature_set)
        source = _dataset(view.source, datasets, f"View {view.name!r}")
        named += (
            (f"{ref.name}__{one.name}", feature_type(one, view, source)) for one in view.features
        )
    for name in feature_set.columns:
        column = _column(spine, name, f"Feature set {feature_set.name!r}")
        named.append((name, _feature_column(column, spine)))
    known = {column.name: column.dtype for column in spine.columns} | dict(named)
    for one in feature_set.derived:
        known[one.name] = derived_dtype(one, known)
        named.append((one.name, known[one.name]))
    schema = dict(named)
    if len(schema) < len(named):
        twice = next(name for name, _ in named if sum(name == other for other, _ in named) > 1)
        message = f"Feature set {feature_set.name!r} has the feature {twice!r} twice."
        raise Invalid(message, hint="Give each its own name.")
    return schema


def definition_version(
    feature_set: FeatureSet, views: Mapping[str, FeatureView], datasets: Mapping[str, Dataset]
) -> str:
    """Hash all that decides what the values of a feature set mean.

    Descriptions do not, nor do defaults, which stand for what is not known.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> spine = Dataset("trips", (Column("at", "timestamp"), Column("seats", "int64")))
        >>> fare = FeatureSet("fare", "trips", "at", columns=("seats",))
        >>> told = fare.replace(description="For the meter.")
        >>> one, other = (definition_version(each, {}, {"trips": spine}) for each in (fare, told))
        >>> one == other
        True
    """
    used = [views[ref.view].meant for ref in feature_set.refs]
    read = [datasets[name] for name in (feature_set.spine, *(one.source for one in used))]
    facts = [(one.name, one.key, one.event_time) for one in read]
    meant = feature_set.replace(description="", owner="", defaults={})
    return fingerprint([meant, used, facts])


def validate(
    feature_set: FeatureSet, views: Mapping[str, FeatureView], datasets: Mapping[str, Dataset]
) -> None:
    """Check a feature set against the views and datasets that it names.

    Raises:
        Invalid: an unknown name (a close one is suggested), a type that does not fit, or a view
            whose source has no event time.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> spine = Dataset("trips", (Column("at", "timestamp"), Column("seats", "int64")))
        >>> validate(FeatureSet("fare", "trips", "at", columns=("seats",)), {}, {"trips": spine})
    """
    subject = f"Feature set {feature_set.name!r}"
    schema = feature_schema(feature_set, views, datasets)
    spine = datasets[feature_set.spine]
    at = _column(spine, feature_set.at, subject)
    if at.dtype != "timestamp" or may_be_missing(at):
        message = f"{subject} predicts at {at.name!r}, which is {_described(at)}."
        hint = f"Declare {spine.name}.{at.name} as a timestamp, not nullable, of severity block."
        raise Invalid(message, hint=hint)
    for ref in feature_set.refs:
        view = known_view(ref, views, feature_set)
        validate_view(view, datasets)
        _validate_keys(ref, view, spine, datasets[view.source])
    _validate_derived(feature_set, spine, schema)
    _validate_defaults(feature_set, schema)


def validate_view(view: FeatureView, datasets: Mapping[str, Dataset]) -> None:
    """Check a view against its source.

    Raises:
        Invalid: unknown source or column, no event time, or a type that does not fit.
    """
    subject = f"View {view.name!r}"
    source = _dataset(view.source, datasets, subject)
    if not source.event_time:
        message = f"{subject} reads dataset {source.name!r}, which has no event_time."
        raise Invalid(
            message, hint="Say in its contract which column tells when a row became known."
        )
    for column in view.columns:
        _column(source, column, subject)
    condition_columns(view, source)
    for key in view.keys:
        _key_column(_column(source, view.source_column(key), subject), source)
    dtypes = {feature.name: feature_type(feature, view, source) for feature in view.features}
    for name, value in view.defaults.items():
        _check_default(name, value, dtypes[name])
    _check_counted(view)


def feature_type(feature: Aggregate | Latest, view: FeatureView, source: Dataset) -> str:
    """Return the type of a view's feature.

    Raises:
        Invalid: an unknown column, or a function that cannot be computed of its type.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("car", "string"), Column("km", "int64")))
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> feature_type(view.features[0], view, trips)
        'int64'
    """
    subject = f"View {view.name!r}"
    if not feature.column:
        return feature_dtype(feature, "", subject)
    column = _column(source, view.source_column(feature.column), subject)
    return feature_dtype(feature, column.dtype, subject)


def known_view(
    ref: ViewRef, views: Mapping[str, FeatureView], feature_set: FeatureSet
) -> FeatureView:
    """Return the view that a feature set refers to.

    Raises:
        Invalid: there is none of that name.
    """
    if ref.view not in views:
        message = f"Feature set {feature_set.name!r} names an unknown view {ref.view!r}."
        raise Invalid(message, hint=did_you_mean(ref.view, views))
    return views[ref.view]


def spine_keys(ref: ViewRef, view: FeatureView) -> tuple[str, ...]:
    """Return the spine columns that fill the view's keys, in the order of the keys.

    Example:
        >>> view = FeatureView("weather", "weather", ("airport",), (Latest("temp"),))
        >>> spine_keys(view.on(airport="origin"), view)
        ('origin',)
    """
    return tuple(ref.keys.get(key, key) for key in view.keys)


def may_be_missing(column: Column) -> bool:
    """Tell whether stored rows can lack a value: a check that only warns lets nulls in.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> may_be_missing(Column("miles", "int64", severity="warn"))
        True
    """
    return column.nullable or column.severity == "warn"


def nullable_inputs(
    feature_set: FeatureSet, views: Mapping[str, FeatureView], datasets: Mapping[str, Dataset]
) -> dict[str, bool]:
    """Tell for each possible input of a derived feature whether it may be missing."""
    spine = datasets[feature_set.spine]
    found = {column.name: may_be_missing(column) for column in spine.columns}
    for ref in feature_set.refs:
        for feature in views[ref.view].features:
            total = isinstance(feature, Aggregate) and feature.function in NEVER_MISSING
            found[f"{ref.name}__{feature.name}"] = not total
    return found | {one.name: True for one in feature_set.derived}


def _validate_keys(ref: ViewRef, view: FeatureView, spine: Dataset, source: Dataset) -> None:
    """Check that spine columns of the right type fill every key."""
    subject = f"The use of view {view.name!r}"
    for key in ref.keys:
        if key not in view.keys:
            message = f"{subject} names a key {key!r} that the view does not have."
            raise Invalid(message, hint=did_you_mean(key, view.keys))
    for key, name in zip(view.keys, spine_keys(ref, view), strict=True):
        given = _column(spine, name, subject)
        wanted = source.column(view.source_column(key))
        if given.dtype != wanted.dtype:
            message = (
                f"{subject} fills its {wanted.dtype} key {key!r} "
                f"from {spine.name}.{name}, which is {given.dtype}."
            )
            raise Invalid(message, hint="Declare both columns with the same type.")


def _validate_derived(feature_set: FeatureSet, spine: Dataset, schema: Mapping[str, str]) -> None:
    """Check that each input exists before it is used, and that no name hides a spine column."""
    later = {one.name for one in feature_set.derived}
    known = {*spine.names, *(name for name in schema if name not in later)}
    for feature in feature_set.derived:
        if feature.name in spine.names:
            message = f"The derived feature {feature.name!r} is named as a column of the spine."
            raise Invalid(message, hint="Give it another name.")
        for name in feature.inputs:
            if name not in known:
                message = f"The derived feature {feature.name!r} has an unknown input {name!r}."
                raise Invalid(message, hint=did_you_mean(name, known))
            if name in spine.names:
                _feature_column(spine.column(name), spine)
            elif schema.get(name, "").startswith("list"):
                message = f"The derived feature {feature.name!r} reads {name!r}, a {schema[name]}."
                raise Invalid(message, hint="Read single values: a list is no input.")
        known.add(feature.name)


def _validate_defaults(feature_set: FeatureSet, schema: Mapping[str, str]) -> None:
    """Check that defaults are for features, and of their type."""
    for name, value in feature_set.defaults.items():
        if name not in schema:
            message = (
                f"Feature set {feature_set.name!r} has a default for an unknown feature {name!r}."
            )
            raise Invalid(message, hint=did_you_mean(name, schema))
        _check_default(name, value, schema[name])


def _check_counted(view: FeatureView) -> None:
    """Refuse defaults that leave out a feature which is never missing: nothing reckons with it."""
    for one in view.features if view.defaults else ():
        counts = isinstance(one, Aggregate) and one.function in NEVER_MISSING
        if counts and one.name not in view.defaults:
            message = f"View {view.name!r} has defaults, but none for {one.name!r}."
            raise Invalid(message, hint="Give it one: a count, a sum and a distinct always exist.")


def _check_default(name: str, value: Value, dtype: str) -> None:
    """Check that a default is of its feature's type."""
    kinds = PYTHON_TYPES.get(dtype, ())
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        message = f"The default of feature {name!r} is {value!r}, not {dtype}."
        raise Invalid(message, hint="Give a value of the feature's type.")


def _dataset(name: str, datasets: Mapping[str, Dataset], subject: str) -> Dataset:
    """Return the dataset that a definition names."""
    if name not in datasets:
        message = f"{subject} names an unknown dataset {name!r}."
        raise Invalid(message, hint=did_you_mean(name, datasets), dataset=name)
    return datasets[name]


def _column(dataset: Dataset, name: str, subject: str) -> Column:
    """Return the column that a definition names."""
    try:
        return dataset.column(name)
    except NotFound as error:
        message = f"{subject} names a column {name!r} that dataset {dataset.name!r} does not have."
        raise Invalid(message, hint=error.hint, dataset=dataset.name, column=name) from None


def _feature_column(column: Column, dataset: Dataset) -> str:
    """Return the type of a feature that copies a column."""
    if column.dtype == "date":
        message = f"The date {dataset.name}.{column.name} cannot be a feature."
        raise Invalid(message, hint="Declare it as a timestamp.")
    return column.dtype


def _key_column(column: Column, dataset: Dataset) -> None:
    """Refuse keys whose equality is not exact."""
    if column.dtype not in KEY_TYPES:
        message = f"The {column.dtype} column {dataset.name}.{column.name} cannot be a key."
        raise Invalid(message, hint=f"Keys are {', '.join(KEY_TYPES)}.")


def _described(column: Column) -> str:
    """Describe a column's type in words."""
    return f"{'sometimes missing, a ' if may_be_missing(column) else ''}{column.dtype}"

"""What a model learns, from what, and when it may replace another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, Protocol

from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.instant import to_micros
from towpath.core.name import checked_name
from towpath.core.record import Record
from towpath.modelling.columns import FeatureColumns


class Estimator(Protocol):
    """A binary classifier with scikit-learn's interface, not yet fitted.

    ``fit`` returns the fitted estimator; ``predict_proba`` a matrix whose second column is the
    probability of the positive class.
    """

    def fit(self, features: object, label: object) -> Estimator:
        """Learn from a matrix and a boolean label."""
        ...

    def predict_proba(self, features: object) -> object:
        """Return the probabilities of both classes, a row for each row."""
        ...


COIN = 0.5
EstimatorFactory = Callable[[FeatureColumns], Estimator]


class TimeSplit(Record, frozen=True, tag="time", tag_field="by"):
    """Train on the past, test on what came after.

    A row is for training if its prediction time and the time its label became known both lie
    before ``train_until``; a row predicted from then on, until ``test_until``, is for testing.

    Args:
        train_until: end of the training rows and start of the test rows.
        test_until: end of the test rows, open unless given.

    Raises:
        Invalid: a naive time, or an end before the start.

    Example:
        >>> from towpath.core.instant import parse_instant
        >>> TimeSplit(parse_instant("2013-10-01")).train_until.month
        10
    """

    train_until: datetime
    test_until: datetime | None = None

    def __post_init__(self) -> None:
        """Check zones and order."""
        start = to_micros(self.train_until)
        if self.test_until is not None and to_micros(self.test_until) <= start:
            message = "The test rows of the split end before they start."
            raise Invalid(message, hint="Give a test_until after train_until.")


class HashSplit(Record, frozen=True, tag="hash", tag_field="by"):
    """Set a share of the keys aside for testing; a key stays on its side for ever.

    Args:
        test_share: share of the keys to test on.

    Raises:
        Invalid: a share that leaves one side empty.

    Example:
        >>> HashSplit().test_share
        0.2
    """

    test_share: float = 0.2

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0.0 < self.test_share < 1.0:
            message = f"The test share of the split is {self.test_share}."
            raise Invalid(message, hint="Give a share between 0 and 1, such as 0.2.")


class Label(Record, frozen=True):
    """The answer to learn: true or false, joined on the key of the feature set's spine.

    It becomes known at its dataset's event time. Rows without an answer are left out.

    Args:
        dataset: the dataset that holds the answer.
        column: the column of the answer: a bool, or an int64 of 0 and 1.

    Example:
        >>> Label("arrivals", "late").column
        'late'
    """

    dataset: str
    column: str


class Gate(Record, frozen=True):
    """When a challenger may replace the champion, judged on the same test rows.

    Args:
        metric: what is compared.
        alpha: share of equal (or, for ``non_inferior``, just too bad) challengers let through.
        mode: ``superior`` asks for a proven gain, ``non_inferior`` for a proven bound on a loss.
        margin: the loss of the metric that ``non_inferior`` accepts, or the least gain that
            ``superior`` asks for.

    Raises:
        Invalid: an alpha or margin outside its range.

    Example:
        >>> Gate().metric
        'roc_auc'
    """

    metric: Literal["roc_auc", "log_loss"] = "roc_auc"
    alpha: float = 0.05
    mode: Literal["superior", "non_inferior"] = "superior"
    margin: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 < self.alpha < COIN:
            message = f"The alpha of the gate is {self.alpha}."
            raise Invalid(message, hint="Give a value between 0 and 0.5, such as 0.05.")
        if self.margin < 0.0 or (self.mode == "non_inferior" and self.margin == 0.0):
            message = f"The margin of the {self.mode} gate is {self.margin}."
            raise Invalid(message, hint="Give the loss you accept, such as margin=0.005.")


class Model(Record, frozen=True):
    """A question, the features and label it is learnt from, and the candidates to answer it.

    Args:
        name: the model's name.
        features: name of the feature set.
        label: the answer to learn.
        estimators: functions that build a candidate for the given columns, by name.
        split: which rows are for training and which for testing.
        gate: when a candidate may replace the champion.
        threshold: least probability that is decided as true.
        trusted: full names of estimator classes, other than scikit-learn's, that may be loaded
            from a saved model.
        description: what is predicted.
        owner: who answers for it.

    Raises:
        Invalid: an illegal name, no estimator, or a threshold outside 0 to 1.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> def baseline(columns):
        ...     return LogisticRegression()
        >>> late = Model("late", "flight", Label("arrivals", "late"), {"baseline": baseline})
        >>> late.split
        HashSplit(test_share=0.2)
    """

    name: str
    features: str
    label: Label
    estimators: Mapping[str, EstimatorFactory]
    split: TimeSplit | HashSplit = HashSplit()
    gate: Gate = Gate()
    threshold: float = 0.5
    trusted: tuple[str, ...] = ()
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        """Check names and ranges."""
        checked_name(self.name, "model")
        if not self.estimators:
            message = f"Model {self.name!r} has no estimators."
            raise Invalid(message, hint="Give at least one function that builds an estimator.")
        for name in self.estimators:
            checked_name(name, "estimator")
        if not 0.0 <= self.threshold <= 1.0:
            message = f"The threshold of model {self.name!r} is {self.threshold}."
            raise Invalid(message, hint="Give a probability between 0 and 1.")

    def factory(self, estimator: str) -> EstimatorFactory:
        """Return the function that builds a candidate.

        Raises:
            NotFound: the model has no estimator of that name; a close one is suggested.
        """
        if estimator not in self.estimators:
            message = f"Model {self.name!r} has no estimator {estimator!r}."
            raise NotFound(message, hint=did_you_mean(estimator, self.estimators))
        return self.estimators[estimator]

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from towpath.web.metrics import Counter, Gauge, Histogram, exposition


def test_counter_adds_up_by_labels() -> None:
    counter = Counter("a_total", "A.", labels=("path",))
    counter.add(("/x",))
    counter.add(("/x",), 2)
    counter.add(("/y",))
    assert counter.lines()[2:] == ['a_total{path="/x"} 3', 'a_total{path="/y"} 1']


def test_label_values_are_escaped() -> None:
    counter = Counter("a_total", "A.", labels=("path",))
    counter.add(('"\\\n',))
    assert counter.lines()[-1] == 'a_total{path="\\"\\\\\\n"} 1'


def test_gauge_keeps_the_last_number() -> None:
    gauge = Gauge("waiting", "Waiting.")
    gauge.put(3)
    gauge.put(0.5)
    assert exposition((gauge,)) == b"# HELP waiting Waiting.\n# TYPE waiting gauge\nwaiting 0.5\n"


@given(st.lists(st.floats(min_value=0, max_value=2)))
def test_histogram_counts_are_cumulative(durations: list[float]) -> None:
    histogram = Histogram("seconds", "S.", bounds=(0.5, 1.0))
    for one in durations:
        histogram.observe(one)
    expected = [sum(one <= bound for one in durations) for bound in (0.5, 1.0, 2.0)]
    counts = [int(line.split()[-1]) for line in histogram.lines() if "_bucket" in line]
    assert counts == (expected if durations else [])

"""How often the monitors alarm where nothing is wrong, under another planner than their own."""

from collections.abc import Iterable, Mapping

from envelope.claims.evidence import Evidence, Known, Missing
from envelope.claims.words import at_most
from envelope.records import CalibratedMonitor, Criteria, Scalar


def alarm_rates(
    evidence: Evidence,
    quantity: str,
    condition: Mapping[str, Scalar],
    monitors: Iterable[CalibratedMonitor],
) -> list[Known]:
    """How often each monitor alarmed, those included that were not calibrated.

    Raises:
        Missing: there is no monitor, or one was not watched.
    """
    found = [
        Known(one, one.estimate)
        for one in evidence.find(quantity, **condition)
        if one.estimate is not None
    ]
    seen = {str(one.measurement.condition.get("monitor")) for one in found}
    wanted = {monitor.name for monitor in monitors}
    if not wanted or wanted - seen:
        raise Missing("what the monitors do there was not measured")
    return found


def are_quiet(
    rates: Iterable[Known], criteria: Criteria, monitors: Iterable[CalibratedMonitor]
) -> bool:
    """Whether no monitor was shown to alarm more often than stated."""
    stated = {one.name: one.false_alarms_per_episode for one in monitors}
    limit = criteria.false_alarms_per_episode
    return all(
        at_most(
            rate.estimate, min(limit, stated.get(str(rate.measurement.condition["monitor"]), limit))
        )
        != "fails"
        for rate in rates
    )

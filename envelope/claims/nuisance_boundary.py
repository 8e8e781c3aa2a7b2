"""Up to which amount a nuisance leaves success alone, as a bracket.

More of a nuisance is taken to cost no less success. Then amounts can be judged in order, each at
one end of its 95 % interval, with one error for all of them: from nominal outward while the drop is
shown to be harmless, and from the farthest inward while it is shown to be too large. The limit lies
between the last of the first kind and the last of the second, with 95 % confidence.

Source: tests in a fixed order keep their level without a correction (Maurer, Hothorn and Lehmacher
1995); each side spends 2.5 %.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise, takewhile

from envelope.claims.nuisance_points import Conditions, Point
from envelope.claims.words import number
from envelope.records import Boundary, Estimate
from envelope.records.units import in_unit, plain


def boundaries(
    points: Iterable[Point], conditions: Sequence[Conditions], limit: float
) -> list[Boundary]:
    """One per direction that ran in closed loop on the current frame.

    Args:
        points: of one class.
        conditions: under which the class was shown, open loop included; the farthest of a
            direction ends what the bracket can say.
        limit: largest harmless drop.
    """
    own = [point for point in points if point.frames == "current" and point.drop]
    names = dict.fromkeys(point.direction for point in own)
    return [_boundary(name, own, conditions, limit) for name in names]


def _boundary(
    direction: str, points: Sequence[Point], conditions: Sequence[Conditions], limit: float
) -> Boundary:
    nominal = conditions[0].nominal
    ends = [one.amount for one in conditions if one.direction == direction]
    ladder = sorted(
        (abs(p.amount - nominal), p.drop.estimate)
        for p in points
        if p.direction == direction and p.drop
    )
    farthest = max([abs(end - nominal) for end in ends] + [ladder[-1][0]])
    kept = [far for far, _ in takewhile(lambda one: one[1].high <= limit, ladder)]
    lost = [far for far, _ in takewhile(lambda one: one[1].low > limit, reversed(ladder))]
    low, high = (kept[-1] if kept else 0.0), (lost[-1] if lost else farthest)
    value = min(max(_crossing(ladder, limit, farthest), low), high)
    sign = -1 if any(end < nominal for end in ends) else 1
    amounts = sorted(nominal + sign * far for far in (low, high))
    return Boundary(
        direction=direction,
        amount=Estimate(
            value=nominal + sign * value,
            low=amounts[0],
            high=amounts[1],
            episodes=min(found.episodes for _, found in ladder),
            interval="bracket",
            seed=0,
        ),
        is_open=not lost,
    )


def _crossing(ladder: Sequence[tuple[float, Estimate]], limit: float, farthest: float) -> float:
    """Where the line through the observed drops first exceeds the limit."""
    drops = [(0.0, 0.0), *((far, found.value) for far, found in ladder)]
    for (near, less), (far, more) in pairwise(drops):
        if more > limit:
            return near + (far - near) * max(0.0, limit - less) / (more - less)
    return farthest


def nearest(found: Sequence[Boundary], nominal: float) -> Boundary:
    """That of the direction in which least is tolerated."""
    return min(found, key=lambda one: abs(one.amount.value - nominal))


def words(found: Boundary, unit: str, nominal: float) -> str:
    """`the limit lies at 6.1 [4.5, 9] ΔE (to navy)`; where no amount was kept, `below 4.5 ΔE`."""
    amount = found.amount
    if not found.is_open and nominal in (amount.low, amount.high):
        # Nothing was measured between nominal and the nearest loss: a value would be made up.
        side = ("below", amount.high) if amount.low == nominal else ("above", amount.low)
        where = f"{side[0]} {in_unit(number(side[1]), unit)}"
    else:
        figures = f"{number(amount.value)} [{number(amount.low)}, {number(amount.high)}]"
        beyond = ", or beyond" if found.is_open else ""
        where = f"at {in_unit(figures, unit)}{beyond}"
    return f"the limit lies {where} ({plain(found.direction)})"

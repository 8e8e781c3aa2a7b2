"""The made-up audit of `tests.envelope.builders`, with frames worth seeing, and its record."""

from functools import cache

from envelope.draft import draft
from envelope.records import Envelope, Measurements, Picture
from tests.envelope import builders
from tests.reports.drawing import Color, blend, picture_of_room

WALL: Color = (232, 220, 196)
BALL: Color = (196, 62, 42)
TOWARD: dict[str, Color] = {
    "to_navy": (16, 32, 92),
    "to_green": (52, 140, 70),
    "to_red": (190, 40, 40),
    "lighter": (255, 255, 255),
    "darker": (40, 38, 36),
    "brighter": (255, 255, 255),
}


def frames(measured: Measurements) -> list[Picture]:
    """A drawn room under every nuisance, and clips of two violations."""
    shown = []
    for name in builders.UNITS:
        for direction in builders.DIRECTIONS.get(name, ("as drawn",))[:2]:
            for strength in (0.2, 0.6, 1.0):
                wall, ball = WALL, BALL
                if name in ("background.color", "light.gain", "background.gradient"):
                    wall = blend(WALL, TOWARD.get(direction, (90, 60, 120)), strength)
                if name == "agent.color":
                    ball = blend(BALL, TOWARD[direction], strength)
                shown.append(
                    Picture(
                        suite="nuisance_shift",
                        condition=builders.nuisance_condition(name, direction, strength),
                        png_base64=picture_of_room(
                            wall, ball, 20, 40, noise=strength if name == "noise" else 0.0
                        ),
                        caption=f"{name} {direction} at strength {strength:g}",
                    )
                )
    for violation in ("teleport", "background.color"):
        magnitude = measured.plan.criteria.violations[violation].claim_at
        for clip in ("lawful", "unlawful"):
            for frame in range(6):
                late = clip == "unlawful" and frame >= 3
                jump = 26 if late and violation == "teleport" else 0
                wall = TOWARD["to_navy"] if late and violation == "background.color" else WALL
                shown.append(
                    Picture(
                        suite="voe",
                        condition={
                            "violation": violation,
                            "magnitude": magnitude,
                            "unit": measured.plan.criteria.violations[violation].unit,
                            "clip": clip,
                            "frame": frame,
                            "critical": late and frame == 3,
                        },
                        png_base64=picture_of_room(wall, BALL, 10 + 3 * frame, 44 - jump),
                        caption=f"{violation}, {clip} clip, frame {frame}",
                    )
                )
    return shown


@cache
def measurements() -> Measurements:
    """The made-up audit with drawn frames."""
    plain = builders.measurements()
    return plain.model_copy(update={"pictures": frames(plain)})


@cache
def envelope() -> Envelope:
    """The record drafted from it."""
    return draft(measurements())

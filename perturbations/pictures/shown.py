"""What conditions look like: a frame per nuisance strength, a film strip per violation."""

from typing import TYPE_CHECKING

import numpy as np

from envelope.records import Picture
from perturbations.nuisances.classes import find as find_nuisance
from perturbations.nuisances.nuisance import FrameSeeds
from perturbations.pictures.png import fitted, png_base64
from perturbations.recorded import why_not
from perturbations.suites import nuisance_shift, voe
from perturbations.violations.classes import find as find_violation
from perturbations.violations.clips import make_clips

if TYPE_CHECKING:
    from perturbations.bench import Bench

_SIZE_PX = 64
_AFTER = 2
"""Frames of a strip after the last lawful one."""


def nuisance_pictures(bench: "Bench", directions: dict[str, str]) -> list[Picture]:
    """One frame per class and strength, all of the same state.

    Args:
        bench: world and criteria.
        directions: which direction to show, by class; the first one for the others.
    """
    state = bench.scoring.states[:1, 0]
    seeds = FrameSeeds(bench.episode_seeds(1), np.zeros(1, dtype=np.int64))
    found = []
    for name, strengths in bench.telling_strengths.items():
        nuisance = find_nuisance(name)
        ways = nuisance.directions(bench.world)
        for strength in (0.0, *strengths) if ways else ():
            shift = nuisance.shift(bench.world, directions.get(name, ways[0]), strength)
            frame = nuisance.render(
                bench.world, state, strength=strength, direction=shift.direction, seeds=seeds
            )
            found.append(
                Picture(
                    suite=nuisance_shift.NAME,
                    condition=shift.condition(),
                    png_base64=png_base64(fitted(frame, _SIZE_PX)[0]),
                    caption=f"{name} {shift.direction} at strength {strength:g}: "
                    f"{shift.amount:.3g} {shift.unit}",
                )
            )
    return found


def film_strips(bench: "Bench") -> list[Picture]:
    """Per violation, at the magnitude that its claim is about: a lawful and an unlawful clip.

    One picture per frame; `clip` and `frame` in its condition say where it belongs, and
    `critical` marks the first frame that cannot happen.
    """
    found = []
    for name, criterion in bench.criteria.violations.items():
        violation = find_violation(name)
        if why_not(bench, violation):
            continue
        clips = make_clips(bench, violation, criterion.claim_at)
        kept = np.flatnonzero(clips.kept)
        if not len(kept):
            continue
        row = kept[:1]
        critical = int(clips.critical[row[0]])
        for time in range(critical, min(critical + _AFTER, clips.num_frames - 1) + 1):
            for clip, frames in (
                ("lawful", bench.world.render(clips.lawful[row, time])),
                ("unlawful", clips.unlawful_frames(bench.world, time, row)),
            ):
                found.append(
                    Picture(
                        suite=voe.NAME,
                        condition={
                            "violation": name,
                            "kind": violation.kind,
                            "magnitude": criterion.claim_at,
                            "unit": violation.unit,
                            "clip": clip,
                            "frame": time,
                            "critical": clip == "unlawful" and time == critical + 1,
                        },
                        png_base64=png_base64(fitted(frames, _SIZE_PX)[0]),
                        caption=f"{name}, {criterion.claim_at:g} {violation.unit}: {clip} clip, "
                        f"frame {time}",
                    )
                )
    return found

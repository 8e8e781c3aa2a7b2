"""What conditions look like: a frame per nuisance strength, a film strip per violation."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envelope.records import Picture
from perturbations import nuisance_shift, voe
from perturbations.clips import make_clips
from perturbations.nuisance import FrameSeeds
from perturbations.nuisances import find as find_nuisance
from perturbations.png import fitted, png_base64
from perturbations.violations import find as find_violation

if TYPE_CHECKING:
    from perturbations.bench import Bench

_SIZE_PX = 64
_BEFORE, _AFTER = 1, 3
"""Frames of a strip before the critical frame and after it."""
_GAP_PX = 2


def nuisance_pictures(bench: "Bench", directions: dict[str, str]) -> list[Picture]:
    """One frame per class and strength, all of the same state.

    Args:
        bench: world and criteria.
        directions: which direction to show, by class; the first one for the others.
    """
    state = bench.scoring.states[:1, 0]
    seeds = FrameSeeds(bench.episode_seeds(1), np.zeros(1, dtype=np.int64))
    found = []
    for name, strengths in bench.criteria.nuisances.items():
        nuisance = find_nuisance(name)
        ways = nuisance.directions(bench.world)
        for strength in strengths if ways else ():
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
    """Per violation, at the magnitude that its claim is about: lawful above, unlawful below."""
    found = []
    for name, criterion in bench.criteria.violations.items():
        violation = find_violation(name)
        clips = make_clips(bench, violation, criterion.claim_at)
        kept = np.flatnonzero(clips.kept)
        if not len(kept):
            continue
        row = kept[:1]
        critical = int(clips.critical[row[0]])
        first, last = max(0, critical - _BEFORE), min(critical + _AFTER, clips.num_frames - 1)
        times = range(first, last + 1)
        lawful = np.concatenate([bench.world.render(clips.lawful[row, t]) for t in times])
        unlawful = np.concatenate([clips.unlawful_frames(bench.world, t, row) for t in times])
        found.append(
            Picture(
                suite=voe.NAME,
                condition={
                    "violation": name,
                    "kind": violation.kind,
                    "magnitude": criterion.claim_at,
                    "unit": violation.unit,
                },
                png_base64=png_base64(_strip(lawful, unlawful)),
                caption=f"{name}, {criterion.claim_at:g} {violation.unit}: lawful above, unlawful "
                f"below; the event comes after frame {critical - first + 1}",
            )
        )
    return found


def _strip(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two rows of frames with light gaps between them."""
    step = _SIZE_PX + _GAP_PX
    shape = (2 * step - _GAP_PX, len(above) * step - _GAP_PX, 3)
    strip = np.full(shape, 208, dtype=np.uint8)
    for line, frames in enumerate((above, below)):
        for column, frame in enumerate(fitted(frames, _SIZE_PX)):
            top, left = line * step, column * step
            strip[top : top + _SIZE_PX, left : left + _SIZE_PX] = frame
    return strip

"""Units and names as people read them: one table for claims, verdicts and reports."""

from collections.abc import Mapping

_WORDS: Mapping[str, str] = {
    "1": "",
    "delta_e": "ΔE",
    "degrees": "°",
    "times": "×",
    "std": "grey levels",
    "share_of_light": "of the light",
}
"""What an underscore turned into a space does not make readable."""
_ATTACHED = ("°", "×")


def unit_word(unit: str) -> str:
    """A unit beside a number: `delta_e` is ΔE, `env_steps` env steps; nothing for a plain ratio."""
    return _WORDS.get(unit, unit.replace("_", " "))


def in_unit(figures: str, unit: str, *, space: str = " ") -> str:
    """Figures with their unit: `8 ΔE`, `90°`, `1 frame`.

    Args:
        figures: a number, or several in words, as they are to be read.
        unit: as records name it.
        space: between the two, where the unit takes one.
    """
    word = unit_word(unit)
    if figures == "1" and word.endswith("s"):
        word = word[:-1]
    if not word or word in _ATTACHED:
        return figures + word
    return f"{figures}{space}{word}"


def plain(name: str) -> str:
    """A name that records use as people write it: `stuck_action` is a stuck action."""
    return name.replace("_", " ")

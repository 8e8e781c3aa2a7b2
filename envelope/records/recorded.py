"""Recorded episodes that took the place of a simulator."""

from pydantic import Field

from envelope.records.base import Record, Sha256


class RecordedEpisodes(Record):
    """A data set, and how its episodes were given out; none went to two places."""

    name: str
    """Its file or folder, without the path to it."""
    digest: Sha256
    num_episodes: int = Field(ge=1)
    num_usable: int = Field(ge=1)
    """Those that are long enough."""
    model_steps_per_episode: int = Field(ge=1)
    columns: list[str]
    state_column: str
    """Column of the true state; empty where there is none."""
    num_fitting_episodes: int = Field(ge=1)
    is_held_out: bool = Field(default=False, exclude_if=lambda is_held_out: not is_held_out)
    """True where whoever measured gave their word that the model was trained on none of these, and
    the checkpoint says what it was trained and tuned on, and names another data set."""
    num_states: int = Field(ge=1)
    """Episodes that give one frame each to what is said of latents alone."""

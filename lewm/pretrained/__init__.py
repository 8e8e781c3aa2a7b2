"""Models that ship with the package."""

from importlib.resources import files
from pathlib import Path


def bundled(name: str) -> Path:
    """Where a bundled checkpoint lies, such as `two_room`.

    Raises:
        FileNotFoundError: no checkpoint of that name ships with the package.
    """
    path = Path(str(files("lewm.pretrained") / f"{name}.pt"))
    if not path.is_file():
        raise FileNotFoundError(f"no bundled checkpoint {name}")
    return path

"""A data set to be written where none is yet."""

from pathlib import Path

from lewm.errors import LewmError


def refuse_to_overwrite(path: Path) -> None:
    """Refuse a path at which a data set cannot be made.

    Raises:
        LewmError: something is there, or its folder is not.
    """
    if path.exists():
        raise LewmError(
            f"{path} exists and would be overwritten",
            next_step="choose another name, or remove the file",
        )
    if not path.parent.is_dir():
        raise LewmError(f"no folder {path.parent} for {path.name}", next_step="make the folder")

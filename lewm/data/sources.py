"""Data sets of every format that we read, opened by what they are."""

from pathlib import Path

from lewm.data.windows import Source
from lewm.errors import LewmError

_LEROBOT = ("lerobot://", "lerobot:/")  # a path library makes one slash of two
_HDF5_START = b"\x89HDF\r\n\x1a\n"


def open_source(path: Path | str) -> Source:
    """Open a data set; use it in a `with` block.

    Args:
        path: an HDF5 file, a Lance table (a folder `*.lance`), a LeRobot folder, a folder with one
            HDF5 file or Lance table in it, or `lerobot://NAME` with, where there are several
            cameras, `?camera=KEY`.

    Raises:
        LewmError: nothing of that kind is there, it is damaged or laid out otherwise, or a package
            that reads it is not installed.
    """
    text = str(path)
    for scheme in _LEROBOT:
        if text.startswith(scheme):
            from lewm.data.lerobot_source import LeRobotSource

            name, _, camera = text.removeprefix(scheme).partition("?camera=")
            folder = Path(name)
            return LeRobotSource(folder if folder.is_dir() else name, camera=camera or None)
    return _open_path(Path(path))


def _open_path(path: Path) -> Source:
    if path.is_dir() and path.suffix.lower() != ".lance":
        if (path / "meta" / "info.json").exists():
            from lewm.data.lerobot_source import LeRobotSource

            return LeRobotSource(path)
        path = _only_one_in(path)
    if path.suffix.lower() == ".lance":
        return _open_lance(path)
    if path.suffix.lower() in (".h5", ".hdf5") or _starts_as_hdf5(path) or not path.exists():
        from lewm.data.file_source import FileSource

        return FileSource(path)
    packed = path.suffix in (".zst", ".gz", ".tar", ".zip")
    raise LewmError(
        f"{path} is not a data set that can be read: neither HDF5, Lance nor LeRobot",
        next_step="unpack it first" if packed else "give an HDF5 file or a folder *.lance",
    )


def _only_one_in(folder: Path) -> Path:
    found = sorted(
        file for file in folder.iterdir() if file.suffix.lower() in (".h5", ".hdf5", ".lance")
    )
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found) or "none"
    raise LewmError(
        f"{folder} is a folder with {len(found)} data sets in it ({names}), expected one",
        next_step="give the file or the *.lance folder itself",
    )


def _open_lance(path: Path) -> Source:
    try:
        from lewm.data.lance_source import LanceSource
    except ModuleNotFoundError as error:
        raise lance_is_missing(path, error) from error
    return LanceSource(path)


def lance_is_missing(path: Path, error: ModuleNotFoundError) -> LewmError:
    """What to say where the packages for Lance are not installed."""
    return LewmError(
        f"{path} is a Lance table, for which {error.name} is not installed",
        next_step="pip install 'world-model-envelope[lance]'",
    )


def _starts_as_hdf5(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HDF5_START)) == _HDF5_START


def require_fit(
    source: Source, name: object, *, size_px: int | None = None, action_width: int | None = None
) -> None:
    """Refuse data that a model or a world cannot take.

    Args:
        source: the data.
        name: what to call them.
        size_px: frames must be this high and wide.
        action_width: actions must be this wide.

    Raises:
        LewmError: they are not.
    """
    if size_px is not None and source.frame_size_px != (size_px, size_px):
        height, width = source.frame_size_px
        raise LewmError(
            f"{name} has frames of {height} x {width} px, {size_px} x {size_px} px are needed",
            next_step="give data of that size, or a model that sees this one",
        )
    if action_width is not None and source.action_width != action_width:
        raise LewmError(
            f"{name} has actions of width {source.action_width}, {action_width} is needed",
            next_step="give data of the same world",
        )

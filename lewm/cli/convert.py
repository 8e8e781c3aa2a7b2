"""`lewm convert`: a data set in another format."""

import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("source")
@click.argument("destination", type=click.Path(path_type=Path))
@click.option(
    "--compression",
    type=click.Choice(["gzip", "lzf", "blosc", "zstd", "none"]),
    default="gzip",
    show_default=True,
    help="Of an HDF5 file; blosc and zstd need hdf5plugin.",
)
def convert(source: str, destination: Path, compression: Any) -> None:
    """Write a data set in another format: HDF5 (.h5) or Lance (.lance).

    SOURCE is an HDF5 file, a Lance table or lerobot://NAME. Episodes are read and written one at
    a time. Lance stores frames as JPEG and numbers as float32, which loses a little; HDF5 loses
    nothing.

    \b
    Example:
        lewm convert data.h5 data.lance
        lewm convert --compression blosc data.h5 fast.h5

    Exit status: 0 done, 2 not.
    """
    from lewm.data.convert import convert as write
    from lewm.data.sources import open_source

    with open_source(source) as data:
        num = len(data.lengths)
        with click.progressbar(length=num, label="convert", file=sys.stderr) as bar:
            write(data, destination, compression=compression, progress=bar.update)
    click.echo(f"{num} episodes: {destination}")

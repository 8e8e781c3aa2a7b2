"""What did the measuring: digests of our own source files, versions of what can move results."""

import hashlib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from envelope import __version__
from envelope.records import Tool
from envelope.strict import canonical

MEASURING = ("lewm", "perturbations")
ALL = (*MEASURING, "envelope", "reports")
_LIBRARIES = ("gymnasium", "numpy", "pydantic", "scipy", "torch")


def source_digest(packages: tuple[str, ...]) -> str:
    """SHA-256 over names and contents of the packages' Python files, in hexadecimal."""
    listed = {}
    for package in packages:
        root = Path(str(files(package)))
        for path in root.rglob("*.py"):
            name = path.relative_to(root.parent).as_posix()
            listed[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashlib.sha256(canonical(listed)).hexdigest()


def tool() -> Tool:
    """The auditor as it runs now."""
    return Tool(
        name="envelope",
        version=__version__,
        source_digest=source_digest(ALL),
        libraries={name: version(name) for name in _LIBRARIES},
    )

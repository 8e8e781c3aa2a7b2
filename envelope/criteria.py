"""Criteria as data: the thresholds that turn measurements into claims."""

from pathlib import Path

from envelope.errors import BadFile
from envelope.records import Criteria
from envelope.strict import Marks, load_yaml, parse_record

_DEFAULT = Path(__file__).with_name("criteria_default.yaml")


def default_criteria() -> Criteria:
    """The criteria in the package, made for the two-room world."""
    return parse_criteria(_DEFAULT.read_bytes(), _DEFAULT.name)


def load_criteria(path: Path) -> Criteria:
    """Read a criteria file.

    Raises:
        BadFile: it cannot be read, or is not of this form.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(
            f"cannot read criteria {path.name}: {error.strerror}", next_step="check the path"
        ) from None
    return parse_criteria(data, path.name)


def parse_criteria(data: bytes, name: str) -> Criteria:
    """Criteria from the bytes of a YAML file; `name` is what messages call it.

    Raises:
        BadFile: not YAML, not this record, or strengths and magnitudes that cannot be swept.
    """
    loaded, marks = load_yaml(data, name)
    criteria = parse_record(Criteria, loaded, name, marks)
    for nuisance, strengths in criteria.nuisances.items():
        path = f"nuisances.{nuisance}"
        if not all(0 < strength <= 1 for strength in strengths):
            raise _refused(name, path, f"strengths must lie in (0, 1], got {strengths}", marks)
        _refuse_unordered(name, path, strengths, marks)
    for violation, criterion in criteria.violations.items():
        path = f"violations.{violation}.magnitudes"
        if not all(magnitude > 0 for magnitude in criterion.magnitudes):
            raise _refused(name, path, f"must be above 0, got {criterion.magnitudes}", marks)
        _refuse_unordered(name, path, criterion.magnitudes, marks)
    return criteria


def _refuse_unordered(name: str, path: str, values: list[float], marks: Marks) -> None:
    if not values or values != sorted(set(values)):
        raise _refused(name, path, f"must be a list that increases, got {values}", marks)


def _refused(name: str, path: str, problem: str, marks: Marks) -> BadFile:
    place = "".join(f":{number}" for number in marks.get(path, ()))
    return BadFile(
        f"{name}{place}: {path}: {problem}",
        next_step="correct the file there and run the command again",
    )

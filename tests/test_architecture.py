"""The source is held to the import table of the README: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"envelope", "lewm", "perturbations", "reports"}
HEAVY = {"torch", "numpy", "scipy", "gymnasium", "safetensors", "h5py"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Dotted names imported anywhere in a file, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def tops(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", sources("lewm"), ids=str)
def test_lewm_imports_nothing_of_ours(path):
    assert tops(imports_of(path)) & OURS <= {"lewm"}


@pytest.mark.parametrize("path", [p for p in sources("envelope") if "cli" not in p.parts], ids=str)
def test_envelope_imports_nothing_of_ours_and_nothing_heavy(path):
    found = tops(imports_of(path))
    assert found & OURS <= {"envelope"}
    assert not found & HEAVY


@pytest.mark.parametrize("package", ["perturbations", "reports"])
def test_suites_and_reports_import_only_records(package):
    allowed = {"envelope.records", "envelope.errors", "envelope.strict"}
    for path in sources(package):
        names = imports_of(path)
        assert tops(names) & OURS <= {package, "envelope"}, path
        modules = {".".join(n.split(".")[:2]) for n in names if n.startswith("envelope")}
        assert modules <= allowed | {"envelope"}, path


def test_reports_need_nothing_heavy():
    for path in sources("reports"):
        assert not tops(imports_of(path)) & HEAVY, path


@pytest.mark.parametrize("module", ["envelope.cli", "envelope.cli.check", "envelope.cli.verify"])
def test_reading_a_record_imports_no_torch(module):
    code = f"import sys, {module}; sys.exit(bool({HEAVY!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

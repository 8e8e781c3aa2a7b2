"""The source is held to the import table of the README: who may import whom."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"envelope", "lewm", "perturbations", "reports"}
HEAVY = {"torch", "numpy", "scipy", "gymnasium", "safetensors", "h5py"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def imported(path: Path) -> set[tuple[str, str]]:
    """All that is imported anywhere in a file, also inside functions: (module, name or nothing)."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            found.update((node.module or "", alias.name) for alias in node.names)
    return found


def imports_of(path: Path) -> set[str]:
    """Dotted names imported anywhere in a file."""
    found = imported(path)
    return {module for module, _ in found} | {f"{m}.{name}" for m, name in found if name}


def modules_of(root: Path, packages: set[str]) -> dict[str, Path]:
    """Every module by its dotted name; a package goes by that of its folder."""
    files = [path for package in packages for path in (root / package).rglob("*.py")]
    parts = {path: path.relative_to(root).with_suffix("").parts for path in files}
    return {".".join(p[:-1] if p[-1] == "__init__" else p): path for path, p in parts.items()}


def graph_of(modules: dict[str, Path]) -> dict[str, set[str]]:
    """Which of them each imports, wherever in it the import stands."""
    graph = {}
    for importer, path in modules.items():
        # `from package import module` is about that module, not about the folder around it.
        found = {f"{m}.{n}" if f"{m}.{n}" in modules else m for m, n in imported(path)}
        graph[importer] = found & set(modules) - {importer}
    return graph


def by_folder(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same between packages inside a package; a module on top counts as one."""

    def folder(name: str) -> str:
        return ".".join(name.split(".")[:2])

    found: dict[str, set[str]] = {}
    for importer, names in graph.items():
        own = found.setdefault(folder(importer), set())
        own.update({folder(name) for name in names} - {folder(importer)})
    return found


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Names that follow one another in a circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


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


def test_no_modules_import_one_another_in_a_circle():
    assert circle_in(graph_of(modules_of(ROOT, OURS))) == []


@pytest.mark.parametrize(
    "deferred",
    [
        "from house import cellar",
        "def late():\n    import house.cellar",
        "if TYPE:\n    import house.cellar",
    ],
)
def test_a_circle_is_found_wherever_the_import_stands(tmp_path, deferred):
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "__init__.py").touch()
    (tmp_path / "house" / "roof.py").write_text(deferred)
    (tmp_path / "house" / "cellar.py").write_text("from house.stairs import up")
    (tmp_path / "house" / "stairs.py").write_text("from house import roof as up")
    found = modules_of(tmp_path, {"house"})

    assert set(circle_in(graph_of(found))) == {"house.roof", "house.cellar", "house.stairs"}
    del found["house.stairs"]
    assert circle_in(graph_of(found)) == []


def test_packages_of_the_suites_import_one_another_one_way_only():
    graph = graph_of(modules_of(ROOT, {"perturbations"}))

    assert circle_in(by_folder(graph)) == []
    graph["perturbations.nuisances.color"] = {"perturbations.suites.voe"}
    assert circle_in(by_folder(graph)) != []


def test_reports_need_nothing_heavy():
    for path in sources("reports"):
        assert not tops(imports_of(path)) & HEAVY, path


@pytest.mark.parametrize("module", ["envelope.cli", "envelope.cli.check", "envelope.cli.verify"])
def test_reading_a_record_imports_no_torch(module):
    code = f"import sys, {module}; sys.exit(bool({HEAVY!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

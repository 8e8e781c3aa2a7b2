"""The environments of stable-worldmodel, without the rest of it.

Its package imports training code, torchvision and a data base before any environment, and its
published release and its main branch differ in that. An environment needs none of it, so unless
somebody imported the package already, only the environment's module is loaded, from wherever the
package is installed; both generations hold it under the same name.
"""

import importlib
import importlib.util
import os
import sys
import types
from pathlib import Path
from typing import Any

from lewm.errors import LewmError

_INSTALL = (
    "pip install 'world-model-envelope[swm]', then pip install --no-deps stable-worldmodel "
    "(with its dependencies it would replace torch by a CUDA build)"
)


def environment_class(module: str, name: str) -> Any:
    """The class `name` of `stable_worldmodel.<module>`.

    Raises:
        LewmError: it, or something it needs, is not installed, or cannot be loaded.
    """
    _draw_without_a_display()
    try:
        return getattr(_load(f"stable_worldmodel.{module}"), name)
    except ModuleNotFoundError as missing:
        raise LewmError(
            f"the worlds of stable-worldmodel need {missing.name}, which is not installed",
            next_step=_INSTALL,
        ) from None
    except (AttributeError, ImportError, OSError, RuntimeError) as error:
        raise LewmError(
            f"stable_worldmodel.{module} cannot be loaded: {error}",
            next_step=f"{_INSTALL}; for MuJoCo also: apt install libegl1 libgl1-mesa-dri",
        ) from error


def _draw_without_a_display() -> None:
    """Unless somebody chose otherwise, nothing opens a window where there is no display."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("MUJOCO_GL", "egl")
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


def _load(name: str) -> Any:
    if "stable_worldmodel" in sys.modules:
        return importlib.import_module(name)
    spec = importlib.util.find_spec("stable_worldmodel")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("no module stable_worldmodel", name="stable_worldmodel")
    root = Path(spec.submodule_search_locations[0])
    parents = name.split(".")[:-1]
    try:
        for depth in range(1, len(parents) + 1):
            package = types.ModuleType(".".join(parents[:depth]))
            package.__path__ = [str(root.joinpath(*parents[1:depth]))]
            sys.modules[package.__name__] = package
        return importlib.import_module(name)
    finally:
        # The next import of the package must find the package itself.
        for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == parents[0]]:
            del sys.modules[loaded]

"""The `lewm` command: collect episodes, train a world model, evaluate it, plan with it."""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from lewm.errors import LewmError

_MAX_SEED = 2**31 - 1


class _Finite(click.FloatRange):
    """A number in a range; neither NaN nor infinity is one."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


_seed_option = click.option(
    "--seed", type=click.IntRange(0, _MAX_SEED), default=0, show_default=True
)
_model_option = click.option(
    "--model", type=click.Path(path_type=Path), required=True, help="Checkpoint."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
@click.version_option(package_name="world-model-envelope", prog_name="lewm")
def cli() -> None:
    """Train a LeWorldModel and plan with it.

    \b
    Example:
        lewm collect --size-px 64 --factor agent.radius=14 --episodes 600 --out data.h5
        lewm train --data data.h5 --out ckpt.pt
        lewm eval --model ckpt.pt --num-cases 100
        lewm plan --model ckpt.pt --start 40,40 --goal 90,60

    Exit status: 0 done, 2 not.
    """


def main() -> NoReturn:
    """Run the command; turn every problem into one message and status 2.

    Set LEWM_TRACEBACK=1 to see where an unforeseen one came from.
    """
    try:
        status = cli(standalone_mode=False)
    except LewmError as error:
        _stop(f"lewm: {error}")
    except ModuleNotFoundError as error:
        _stop(
            f"lewm: this command needs {error.name}, which is not installed\n"
            "  Next: pip install 'world-model-envelope[train]'"
        )
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("lewm: stopped", err=True)
        sys.exit(130)
    except SystemExit as ended:  # click ends with 1 when whoever reads the output went away
        sys.exit(2 if ended.code == 1 else ended.code)
    except Exception as error:
        if os.environ.get("LEWM_TRACEBACK"):
            raise
        _stop(
            f"lewm: could not finish: {type(error).__name__}: {error}\n"
            "  Next: set LEWM_TRACEBACK=1 and run again to see where"
        )
    sys.exit(status if isinstance(status, int) else 0)


def _stop(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)


# --- collect ------------------------------------------------------------------------------------


@cli.command()
@click.option("--world", "world_name", type=click.Choice(["two-room"]), default="two-room")
@click.option("--size-px", type=int, default=64, show_default=True, help="Frame size.")
@click.option("--factor", multiple=True, metavar="NAME=VALUE", help="A factor off its default.")
@click.option(
    "--policy",
    type=click.Choice(["expert", "straight", "random"]),
    multiple=True,
    default=("expert", "straight"),
    show_default=True,
    help="Who acts; several share the episodes. `straight` walks into walls, `expert` does not.",
)
@click.option("--action-noise", type=float, default=0.5, show_default=True, help="Of the walkers.")
@click.option("--episodes", type=click.IntRange(1), default=600, show_default=True)
@click.option(
    "--length", type=click.IntRange(1), default=100, show_default=True, help="Env steps of each."
)
@_seed_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="HDF5 file to write.")
def collect(
    world_name: str,
    size_px: int,
    factor: tuple[str, ...],
    policy: tuple[str, ...],
    action_noise: float,
    episodes: int,
    length: int,
    seed: int,
    out: Path,
) -> None:
    """Let a policy act in a world and keep what happens."""
    from lewm.collect import NoisyExpert, RandomPolicy, collect_to_file
    from lewm.policies import Mixture, Policy
    from lewm.straight_walker import StraightWalker

    world = _world({"world": world_name, "size_px": size_px, "factors": _factors(factor)})
    known: dict[str, Policy] = {
        "expert": NoisyExpert(action_noise=action_noise),
        "straight": StraightWalker(action_noise=action_noise),
        "random": RandomPolicy(),
    }
    actor = Mixture(tuple(known[name] for name in policy))
    with click.progressbar(length=episodes, label="collect", file=sys.stderr) as bar:
        collect_to_file(
            out,
            world,
            actor,
            num_episodes=episodes,
            length_env_steps=length,
            seed=seed,
            progress=bar.update,
        )
    click.echo(f"{episodes} episodes of {length} env steps: {out}")


# --- train --------------------------------------------------------------------------------------


@cli.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="HDF5 episodes.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Checkpoint to write.")
@click.option("--preset", type=click.Choice(["paper", "small", "tiny"]), default="small")
@_seed_option
@click.option("--updates", type=click.IntRange(1), default=1500, show_default=True)
@click.option("--batch-size", type=click.IntRange(2), default=128, show_default=True)
@click.option("--learning-rate", type=_Finite(0, min_open=True), default=5e-4, show_default=True)
@click.option("--sigreg-weight", type=_Finite(0), default=0.02, show_default=True)
@click.option(
    "--final-sigreg-weight",
    type=_Finite(0),
    default=0.0005,
    show_default=True,
    help="Reached after two fifths of the updates.",
)
@click.option(
    "--schedule-updates",
    type=click.IntRange(1),
    help="Updates the learning rate's cosine is built for; those that are run unless given.",
)
def train(
    data: Path,
    out: Path,
    preset: str,
    seed: int,
    updates: int,
    batch_size: int,
    learning_rate: float,
    sigreg_weight: float,
    final_sigreg_weight: float,
    schedule_updates: int | None,
) -> None:
    """Train a world model on episodes.

    The defaults are those of the bundled model. The recipe of the paper holds the weight of SIGReg
    (`--sigreg-weight 0.09 --final-sigreg-weight 0.09`) and builds the schedule for ten times the
    updates that it runs.
    """
    from lewm import config as presets
    from lewm.checkpoint import Checkpoint, save_checkpoint
    from lewm.file_source import FileSource
    from lewm.train import train as run

    _require_place_for(out)
    if schedule_updates is not None and schedule_updates < updates:
        raise LewmError(
            f"--schedule-updates is {schedule_updates}, fewer than the {updates} updates to run",
            next_step="give as many or more",
        )
    recipe = presets.TrainConfig(
        seed=seed,
        batch_size=batch_size,
        num_updates=updates,
        schedule_updates=schedule_updates or updates,
        warmup_updates=max(1, updates // 15),
        learning_rate=learning_rate,
        weight_decay=1e-3,
        clip_norm=1.0,
        sigreg_weight=sigreg_weight,
        final_sigreg_weight=final_sigreg_weight,
        sigreg_anneal_updates=max(1, 2 * updates // 5),
        num_projections=128,
        calibration_batches=100,
        log_every_updates=max(1, updates // 20),
    )
    with FileSource(data) as source:
        scope = _collected_in(source.provenance, data)
        model_config = getattr(presets, preset)(action_width=source.action_width)
        if scope["size_px"] != model_config.image_size:
            raise LewmError(
                f"{data} has frames of {scope['size_px']} px, the preset {preset} sees "
                f"{model_config.image_size} px",
                next_step=f"collect with --size-px {model_config.image_size}, or choose another "
                "--preset",
            )
        result = run(model_config, recipe, source, progress=lambda at: click.echo(at.line()))
    digest = save_checkpoint(
        out,
        Checkpoint(
            config=model_config,
            tensors=dict(result.model.state_dict()),
            action_stats=result.action_stats,
            world=scope,
            plan_config=presets.PlanConfig(),
            training=result.record,
        ),
    )
    click.echo(f"{out}  sha256 {digest}")


# --- eval ---------------------------------------------------------------------------------------


@cli.command("eval")
@_model_option
@click.option("--cases", type=click.Path(path_type=Path), help="Frozen cases; sampled if absent.")
@click.option("--num-cases", type=click.IntRange(1), default=300, show_default=True)
@click.option(
    "--goal-offset", type=click.IntRange(1), default=25, show_default=True, help="Env steps."
)
@click.option("--budget", type=click.IntRange(1), default=50, show_default=True, help="Env steps.")
@click.option(
    "--streams", type=click.IntRange(1), default=1, show_default=True, help="Planner streams."
)
@click.option("--references/--no-references", default=True, help="Floor, twin and ceiling too.")
@_seed_option
@_json_option
def evaluate(
    model: Path,
    cases: Path | None,
    num_cases: int,
    goal_offset: int,
    budget: int,
    streams: int,
    references: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Plan in closed loop on held-out cases; report success beside its references."""
    from lewm.adapter import load_model
    from lewm.cases import load, sample_cases
    from lewm.evaluation import evaluate as run

    loaded = load_model(model)
    world = _world(loaded.world)
    loaded.require_world(world)
    chosen = (
        load(cases)
        if cases
        else sample_cases(world, num_cases=num_cases, goal_offset_env_steps=goal_offset, seed=seed)
    )
    _require_cases_of(world, chosen, cases)
    results = run(
        loaded,
        world,
        chosen,
        budget_env_steps=budget,
        streams=range(seed, seed + streams),
        references=references,
        progress=lambda arm: click.echo(f"running {arm} ...", err=True),
    )
    if as_json:
        click.echo(json.dumps([result.to_json() for result in results], indent=1))
        return
    click.echo(
        f"{chosen.num_cases} cases ({chosen.num_solved_dropped} solved at the start left out)"
    )
    click.echo(f"cases sha256 {chosen.digest()}")
    for result in results:
        click.echo(result.line())


# --- plan ---------------------------------------------------------------------------------------


@cli.command()
@_model_option
@click.option("--start", required=True, metavar="X,Y", help="State to start from, world units.")
@click.option("--goal", required=True, metavar="X,Y", help="State to reach, world units.")
@_seed_option
@_json_option
def plan(model: Path, start: str, goal: str, seed: int, as_json: bool) -> None:
    """Plan once, execute the plan, and say where it ends."""
    import numpy as np

    from lewm.adapter import load_model
    from lewm.planner import CEM

    loaded = load_model(model)
    world = _world(loaded.world)
    loaded.require_world(world)
    width = world.state_width
    state, target = np.array([_point(start, width)]), np.array([_point(goal, width)])
    found = CEM(loaded.plan_config).plan(loaded, world.render(state), world.render(target), [seed])
    for action in found.actions[0]:
        state = world.step(state, action[None])
    result = {
        "actions": found.actions[0].tolist(),
        "imagined_cost": float(found.imagined_cost[0]),
        "reached": state[0].tolist(),
        "distance": float(world.distance(state, target)[0]),
        "solved": bool(world.solved(state, target)[0]),
    }
    if as_json:
        click.echo(json.dumps(result))
        return
    for step, (across, along) in enumerate(result["actions"]):
        click.echo(f"env step {step + 1:2d}  {across:+.3f} {along:+.3f}")
    click.echo(f"imagined cost {result['imagined_cost']:.4f}")
    reached = ", ".join(f"{value:.1f}" for value in state[0])
    click.echo(
        f"reached ({reached}), {result['distance']:.1f} px from the goal: "
        f"{'solved' if result['solved'] else 'not solved'} by {world.success_rule}"
    )


# --- shared -------------------------------------------------------------------------------------


def _world(scope: dict[str, Any]) -> Any:
    from lewm.worlds import make_world

    return make_world(scope)


def _collected_in(provenance: dict[str, Any], data: Path) -> dict[str, Any]:
    """The world's scope, out of what a data set says of its collection."""
    try:
        return {key: provenance[key] for key in ("world", "size_px", "factors")}
    except KeyError:
        raise LewmError(
            f"{data} does not say which world it was collected in",
            next_step="collect it with `lewm collect`",
        ) from None


def _factors(given: tuple[str, ...]) -> dict[str, Any]:
    factors: dict[str, Any] = {}
    for item in given:
        name, equals, value = item.partition("=")
        try:
            if not equals:
                raise ValueError
            factors[name] = json.loads(value)
        except ValueError:
            raise LewmError(
                f"--factor {item!r} is not NAME=VALUE with a JSON value",
                next_step="write for instance --factor agent.radius=14",
            ) from None
    return factors


def _require_place_for(out: Path) -> None:
    """Refuse before training what could only fail after it."""
    if out.suffix not in (".pt", ".safetensors"):
        raise LewmError(
            f"{out} ends in {out.suffix or 'nothing'}, a checkpoint in .pt or .safetensors",
            next_step="choose one of these suffixes",
        )
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK) or out.is_dir():
        raise LewmError(
            f"{out} cannot be written: its folder is not there, or not writable",
            next_step="make the folder, or choose another",
        )


def _require_cases_of(world: Any, cases: Any, path: Path | None) -> None:
    """Refuse cases that were sampled in a world that moves or judges otherwise."""
    scope = cases.origin.get("world")
    there = {
        **(scope if isinstance(scope, dict) else {}),
        "success_rule": cases.origin.get("success_rule"),
        "state_width": cases.starts.shape[1],
    }
    here = {
        **world.scope(),
        "success_rule": world.success_rule,
        "state_width": world.state_width,
    }
    for name in ("world", "factors", "success_rule", "state_width"):
        if here[name] != there.get(name):
            raise LewmError(
                f"{path} was sampled with {name} {there.get(name)}, the model's world has "
                f"{here[name]}",
                next_step="give cases of the model's world, or leave --cases out to sample some",
            )


def _point(text: str, width: int) -> list[float]:
    try:
        point = [float(part) for part in text.split(",")]
        if len(point) != width or not all(map(math.isfinite, point)):
            raise ValueError
    except ValueError:
        raise LewmError(
            f"{text!r} is not a state of {width} finite numbers",
            next_step="write for instance 40,40",
        ) from None
    return point

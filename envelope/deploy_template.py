"""The deploy file that fits a record exactly: what `check` accepts, for a person to change."""

import json
import math
import re
from collections.abc import Iterable

from envelope.deploy import amount_keys
from envelope.fields import CONVENTIONS, PLANNER, value_at
from envelope.records import Claim, Envelope, NuisanceScope, Range

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_NOT_PLAIN = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_COMMENTS = {
    "horizon": "model steps",
    "block_size": "env steps per model step",
    "execute_blocks": "blocks carried out before planning again",
    "history": "frames of context",
}


def deploy_template(envelope: Envelope, attestation_name: str, checkpoint_name: str) -> str:
    """The YAML text of a deployment at the nominal point of a record.

    It relies on every claim that holds and promises something. Off nominal most of these lapse, so
    nuisances are written at nominal, with what is admitted in a comment.

    Args:
        envelope: the record.
        attestation_name: path of the attestation, as the deploy file should write it.
        checkpoint_name: path of the checkpoint, likewise.
    """
    return "\n".join(_lines(envelope, attestation_name, checkpoint_name)) + "\n"


def _lines(envelope: Envelope, attestation_name: str, checkpoint_name: str) -> Iterable[str]:
    holding = [claim.id for claim in envelope.claims if claim.verdict == "holds"]
    relied_on = [claim.id for claim in envelope.claims if _is_relied_on(claim)]
    yield "# How this model is about to be used. `envelope check --deploy` holds it against"
    yield "# what was measured; a field that is missing counts as outside."
    yield f"envelope: {_scalar(attestation_name)}"
    yield (
        "relies_on:  # claims that hold; remove what you do not need"
        if relied_on
        else ("relies_on: []  # no claim of the record holds")
    )
    yield from (f"  - {_scalar(name)}" for name in relied_on)
    yield "model_state:"
    yield f"  checkpoint: {_scalar(checkpoint_name)}"
    yield f"  adapter: {_scalar(envelope.model_state.adapter)}"
    yield f"  tuning: {json.dumps(envelope.model_state.tuning)}"
    yield from _input(envelope)
    yield "planner_scope:"
    for field in PLANNER:
        if value_at(envelope, field.path) != {}:
            yield _entry(envelope, field.path, indent=2)
    yield "  conventions:"
    for field in CONVENTIONS:
        yield _entry(envelope, field.path, indent=4)
    yield from _monitors(envelope, holding)
    yield "revalidation_triggers:"
    yield "  on_lapse: stop"


def _is_relied_on(claim: Claim) -> bool:
    """A count of operations without a budget is on record, and promises nothing."""
    return claim.verdict == "holds" and not (claim.family == "F1" and claim.kind == "bound")


def _input(envelope: Envelope) -> Iterable[str]:
    scope = envelope.input_scope
    yield "input_scope:"
    yield f"  world: {_scalar(scope.world)}"
    yield "  observation:"
    yield f"    size_px: {scope.observation.size_px}"
    yield f"    env_steps_per_frame: {scope.observation.env_steps_per_frame}"
    if scope.factors:
        yield f"  factors: {json.dumps(scope.factors)}"
    if scope.recorded_episodes:
        yield f"  recorded_episodes: {scope.recorded_episodes}  # all that was measured on"
    if scope.driven_by:
        yield "  # Say the next line where nobody carries out plans of this model, as with logs or"
        yield "  # teleoperation: while the planner drives, nothing is known."
        yield f"  # driven_by: {scope.driven_by}"
    unmeasured = sorted(set(envelope.criteria.nuisances) - set(scope.nuisance))
    if not scope.nuisance and not unmeasured:
        yield "  nuisance: {}"
        return
    if scope.joint:
        yield "  nuisance:  # at nominal; what is admitted off it, alone or several at once"
    else:
        yield "  nuisance:  # at nominal; one class at a time may leave it"
    for name, nuisance in scope.nuisance.items():
        together = scope.joint_scale if scope.joint else 0.0
        yield f"    {_scalar(name)}: {_amounts(nuisance, together)}"
    for name in unmeasured:
        yield f"    {_scalar(name)}: {{}}  # at nominal; nothing off it was measured"


def _amounts(scope: NuisanceScope, together: float) -> str:
    """One class at nominal; what is admitted alone, and with others, in a comment."""
    keys, admitted = amount_keys(scope.unit), scope.admitted
    text = ", ".join(f"{key}: {_number(scope.nominal)}" for key in keys)
    if admitted.low == admitted.high:
        return f"{{{text}}}"
    comment = f"admitted{' alone' if together else ''}: {_ends(scope, admitted)}"
    if together:
        box = admitted.shrunk(scope.nominal, together)
        comment += f", with others: {_ends(scope, box)}"
    if scope.directions_run:
        comment += f"; ran: {', '.join(map(_scalar, scope.directions_run))}"
    return f"{{{text}}}  # {comment}"


def _ends(scope: NuisanceScope, values: Range) -> str:
    low, high = _inner(values, scope.nominal)
    is_two_sided = len(amount_keys(scope.unit)) == 2
    return f"{_number(low)} to {_number(high)}" if is_two_sided else f"up to {_number(high)}"


def _inner(values: Range, nominal: float) -> tuple[float, float]:
    """The ends of a range with three decimals, rounded into the range."""
    low, high = math.ceil(values.low * 1000) / 1000, math.floor(values.high * 1000) / 1000
    return min(low, nominal), max(high, nominal)


def _monitors(envelope: Envelope, holding: list[str]) -> Iterable[str]:
    needed = [
        monitor
        for monitor in envelope.monitors
        if any(name.startswith(f"monitor.{monitor.name}.") for name in holding)
    ]
    if not needed:
        yield "monitors: []"
        return
    yield "monitors:"
    for monitor in needed:
        yield f"  - name: {_scalar(monitor.name)}"
        yield f"    threshold: {_number(monitor.threshold)}"
        rate = _number(monitor.false_alarms_per_episode)
        yield f"    false_alarms_per_episode: {rate}"


def _entry(envelope: Envelope, path: str, *, indent: int) -> str:
    name = path.rpartition(".")[2]
    value = value_at(envelope, path)
    text = _scalar(value) if isinstance(value, str) else _number(value)
    if isinstance(value, dict):
        text = json.dumps(value)
    admitted = envelope.planner_scope.admitted.get(path.removeprefix("planner_scope."))
    comment = _COMMENTS.get(name, "")
    if admitted:
        comment = f"admitted: {_number(admitted.low)} to {_number(admitted.high)}"
    return f"{' ' * indent}{name}: {text}" + (f"  # {comment}" if comment else "")


def _number(value: float) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return repr(value)


def _scalar(text: str) -> str:
    """A string that every YAML reader takes for one; JSON strings are YAML too."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN
    return text if is_plain else json.dumps(text)

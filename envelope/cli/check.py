"""`envelope check`: is this deployment still inside what was measured?"""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from envelope.cli.files import read_bytes
from envelope.errors import BadFile
from envelope.same_model import ModelIdentity

_CHECKPOINT = "model_state.checkpoint"


@click.command("check")
@click.option("--deploy", type=click.Path(path_type=Path), required=True, help="Deploy file.")
@click.option(
    "--envelope",
    "attestation",
    type=click.Path(path_type=Path),
    help="Attestation; the one that the deploy file names unless given.",
)
@click.option("--key", type=click.Path(path_type=Path), help="Public key to trust.")
@click.option("--trust", type=click.Path(path_type=Path), help="Trust file.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    deploy: Path,
    attestation: Path | None,
    key: Path | None,
    trust: Path | None,
    as_json: bool,
) -> None:
    """Is this deployment still inside what was measured?

    \b
    Example:
        envelope check --deploy new_config.yaml --key lab.pub

    Exit status: 0 inside, 1 outside or lapsed, 2 could not evaluate, 3 evidence
    not trusted.
    """
    from envelope.check import check_deployment
    from envelope.deploy import parse_deploy
    from envelope.records import Envelope
    from envelope.trust_lookup import find_trust
    from envelope.verdict_text import text_of

    deployment = parse_deploy(read_bytes(deploy, next_step="check the path"), str(deploy))
    believed = find_trust(key=key, trust=trust)
    path = attestation or _named(deploy, deployment.file.envelope, "envelope")
    now = datetime.now(UTC)
    data = read_bytes(path, next_step="sign the record with `envelope sign`, or check the path")
    verified = believed.open(data, now=now, name=str(path))
    state = deployment.file.model_state
    named = state.checkpoint if state else None
    checkpoint = _named(deploy, named, _CHECKPOINT)
    verdict = check_deployment(
        verified.record(Envelope),
        deployment,
        now=now,
        model=_identity(checkpoint),
        policy=believed.policy,
    )
    click.echo(verdict.as_json() if as_json else text_of(verdict))
    ctx.exit(verdict.exit_status)


def _named(deploy: Path, given: str | None, field: str) -> Path:
    """A file that the deploy file names, relative to its own folder or to the one around it."""
    if given is None:
        raise BadFile(
            f"{deploy} does not say `{field}`, so there is nothing to compare",
            next_step=f"add `{field}` to {deploy}",
        )
    from envelope.model_files import model_folder

    folder = deploy.absolute().parent
    for base in (folder, folder.parent):
        with contextlib.suppress(OSError):  # such as a name that no file can have
            if (base / given).is_file() or (
                field == _CHECKPOINT and model_folder(base / given) == base / given
            ):
                return base / given
    raise BadFile(
        f"{deploy} names {given} as `{field}`, and there is no such file beside it",
        next_step="correct the path; it is relative to the deploy file or to the folder around it",
    )


def _identity(checkpoint: Path) -> ModelIdentity:
    """What can be known of a checkpoint without torch."""
    from envelope.digest import bytes_sha256, file_sha256
    from envelope.model_files import model_files, model_folder

    path = os.path.relpath(checkpoint)
    if folder := model_folder(checkpoint):
        files = {file.name: file_sha256(file) for file in model_files(checkpoint)}
        return ModelIdentity(folder.name, files, path=path)
    if checkpoint.suffix != ".safetensors":
        files = {checkpoint.name: file_sha256(checkpoint)}
        return ModelIdentity(checkpoint.name, files, path=path)
    data = read_bytes(checkpoint, next_step="check the path")
    tensor_digest, config_digest = _digests(data, checkpoint.name)
    files = {checkpoint.name: bytes_sha256(data)}
    return ModelIdentity(checkpoint.name, files, tensor_digest, config_digest, path)


def _digests(data: bytes, name: str) -> tuple[str | None, str]:
    """Of the tensors and of the configuration, as `measure` takes them from the live model.

    A damaged file has no tensor digest, and one without a configuration of ours none that any
    record holds: either is known by its bytes alone.
    """
    from envelope.digest import bytes_sha256, safetensors_entries, state_digest
    from envelope.strict import canonical, load_json

    try:
        tensors = state_digest(safetensors_entries(data, name))
        header = load_json(
            data[8 : 8 + int.from_bytes(data[:8], "little")], name, case_variants=True
        )
        text = header["__metadata__"]["json"]
        said = load_json(text.encode(), name)
        config = {"model": said["model"], "action_stats": said["action_stats"]}
    except (BadFile, ValueError, KeyError, TypeError, AttributeError):
        return None, ""
    return tensors, bytes_sha256(canonical(config))

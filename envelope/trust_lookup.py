"""Where trust is found, and how a key is added to it.

The deploy file and the attestation's folder are never looked at: whoever writes those would then
vouch for themselves.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from envelope.attestation import PREDICATE_TYPE
from envelope.errors import BadFile, NoTrust
from envelope.keyfiles import read_public_key
from envelope.strict import load_yaml, parse_record
from envelope.trust import KEY_NAME, KeyEntry, Policy, Trust, TrustedKey, TrustFile


def find_trust(
    *,
    key: Path | None = None,
    trust: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Trust:
    """Find out whom to trust: `--key`, `--trust`, $ENVELOPE_TRUST, the user's own trust file.

    The first that is given decides alone; they are not merged.

    Raises:
        NoTrust: nobody said anything.
        BadFile, BadKey: what was given cannot be read.
    """
    if key is not None:
        return Trust("--key", (TrustedKey(str(key), read_public_key(key)),), {}, Policy())
    if trust is not None:
        return load_trust(trust)
    if named := environ.get("ENVELOPE_TRUST"):
        return load_trust(Path(named))
    own = user_trust_file(environ)
    if os.path.exists(own):
        return load_trust(own)
    raise NoTrust(
        "nobody said which keys to trust: no --key, no --trust, no $ENVELOPE_TRUST and no "
        f"{_shown(own, environ)}",
        next_step="give the auditor's public key with `--key NAME.pub`, or trust it from now on "
        "with `envelope trust add NAME.pub`",
    )


def user_trust_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where this user's own trust file is, or would be."""
    configured = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not configured.is_absolute():  # the specification says to pass over a relative one
        configured = Path(environ.get("HOME") or Path.home()) / ".config"
    return configured / "envelope" / "trust.yaml"


def load_trust(path: Path) -> Trust:
    """Read a trust file and the keys it names.

    Raises:
        BadFile: it cannot be read or does not fit, or a key's path leaves its folder.
        BadKey: a key file is no accepted key.
    """
    entries = _parse(_read(path), path)
    keys = tuple(
        TrustedKey(
            entry.name,
            read_public_key(_inside(path, entry)),
            entry.roles,
            entry.predicate_types,
            entry.valid_from,
            entry.valid_until,
        )
        for entry in entries.keys
    )
    for place, key in enumerate(keys):
        for other in keys[:place]:
            if key.public == other.public:
                raise BadFile(
                    f"{path}: {other.name} and {key.name} are the same key",
                    next_step="keep one of the two entries",
                )
    revoked = {entry.sha256: entry.reason or "no reason given" for entry in entries.revoked}
    return Trust(str(path), keys, revoked, entries.policy)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(
            f"cannot read trust file {path}: {error.strerror}",
            next_step="check --trust and $ENVELOPE_TRUST",
        ) from None


def _parse(data: bytes, path: Path) -> TrustFile:
    fields, marks = load_yaml(data, str(path))
    return parse_record(TrustFile, fields, str(path), marks)


def _inside(trust_file: Path, entry: KeyEntry) -> Path:
    folder = trust_file.parent.resolve()
    path = folder / entry.public_key
    if not path.resolve().is_relative_to(folder):
        raise BadFile(
            f"{trust_file}: key {entry.name} is at {entry.public_key!a}, outside the folder "
            "of the trust file",
            next_step="copy the key beside the trust file and write its relative path",
        )
    return path


def _shown(path: Path, environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    text = str(path)
    return f"~{text[len(home) :]}" if home and text.startswith(f"{home}/") else text


# --- adding to it -----------------------------------------------------------------------------


def trust_key(
    public_key: Path, *, name: str | None = None, environ: Mapping[str, str] = os.environ
) -> Path:
    """Trust a key as auditor from now on: copy it beside the user's trust file and enter it there.

    The rest of the file stays as it is, comments included. A key that is there already is left.

    Args:
        public_key: the `.pub` file.
        name: what to call the key; its file's stem without this.
        environ: the environment.

    Returns:
        The trust file.

    Raises:
        BadFile: the name is taken by another key, or the trust file cannot be read or extended.
        BadKey: it is no accepted public key.
    """
    key = read_public_key(public_key)
    name = name or public_key.stem
    trust_file = user_trust_file(environ)
    before = _EMPTY
    if os.path.exists(trust_file):
        if any(known.public == key for known in load_trust(trust_file).keys):
            return trust_file
        before = _read(trust_file)
    extended = _with_key(before, name, trust_file)
    _write(trust_file.parent / "keys" / f"{name}.pub", key.pem)
    _write(trust_file, extended)
    return trust_file


_EMPTY = b"version: 1\nkeys:\n"


def _with_key(before: bytes, name: str, path: Path) -> bytes:
    """The trust file with one more entry, right after the line `keys:`."""
    if not re.fullmatch(KEY_NAME, name):
        raise BadFile(
            f"{name!a} cannot name a key: letters, digits, dots, dashes and underscores can",
            next_step="rename the .pub file, or give another name",
        )
    entry = [
        f'- name: "{name}"',
        f'  public_key: "keys/{name}.pub"',
        "  roles: [auditor]",
        f'  predicate_types: ["{PREDICATE_TYPE}"]',
    ]
    lines = before.decode().splitlines()
    indent = "  "
    known: tuple[KeyEntry, ...] = ()
    if before != _EMPTY:
        fields, marks = load_yaml(before, str(path))
        known = parse_record(TrustFile, fields, str(path), marks).keys
        if name.casefold() in {key.name.casefold() for key in known}:
            raise BadFile(
                f"{path} has another key named {name}",
                next_step="rename the .pub file, or give another name",
            )
        if known:
            first = lines[marks["keys.0"][0] - 1]
            indent = first[: len(first) - len(first.lstrip())]
    if "keys:" in lines:
        place = lines.index("keys:") + 1
        lines[place:place] = [indent + line for line in entry]
        extended = "\n".join([*lines, ""]).encode()
        if _parse(extended, path).keys[1:] == known:
            return extended
    listed = "\n".join(entry)
    raise BadFile(
        f"{path} has no plain line `keys:` to add a key under, so nothing was added",
        next_step=f"copy the key beside it and add this by hand:\n{listed}",
    )


def _write(path: Path, data: bytes) -> None:
    """Replace a file in one step, so that a reader sees the old one or the new one."""
    import tempfile

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(unfinished, path)
    except OSError as error:
        raise BadFile(
            f"cannot write {path}: {error.strerror}",
            next_step="point XDG_CONFIG_HOME at a folder you may write to",
        ) from None

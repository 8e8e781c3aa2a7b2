"""Key files: `NAME.key` for its owner alone, `NAME.pub` to hand out."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from envelope.errors import BadFile, BadKey
from envelope.signing import (
    Algorithm,
    PrivateKey,
    PublicKey,
    generate_key,
    load_private_key,
    load_public_key,
)

MAX_KEY_BYTES = 2**16


class KeyPair(NamedTuple):
    """What `write_key_pair` left on disk."""

    private: Path
    public: Path
    key: PublicKey
    warning: str | None
    """A line for the person who made the key; None when the private key is well protected."""


def write_key_pair(
    name: Path,
    *,
    algorithm: Algorithm = "p256",
    passphrase_env: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> KeyPair:
    """Make a key pair and write `NAME.key` (mode 0600) and `NAME.pub`.

    Args:
        name: path without suffix.
        algorithm: `p256`, which every tool and hardware key speaks, or `ed25519`.
        passphrase_env: name of the environment variable that holds the passphrase, never the
            passphrase itself; without it the private key is written unencrypted.
        environ: the environment.

    Raises:
        BadFile: one of the files exists already, or cannot be written.
        BadKey: the variable is not set, or is empty.
    """
    private, public = Path(f"{name}.key"), Path(f"{name}.pub")
    for path in (private, public):
        if os.path.lexists(path):
            raise BadFile(
                f"{path} exists already, and a key is never overwritten",
                next_step="choose another NAME, or move the old key away",
            )
    key = generate_key(algorithm)
    warning: str | None
    if passphrase_env is None:
        pem = key.pem()
        warning = f"{private} is not encrypted: whoever can read it can sign in your name"
    else:
        pem, warning = _encrypted(key, _passphrase(passphrase_env, environ))
    _write_new(private, pem, mode=0o600)
    _write_new(public, key.public.pem, mode=0o644)
    return KeyPair(private, public, key.public, warning)


def read_private_key(
    path: Path, *, passphrase_env: str | None = None, environ: Mapping[str, str] = os.environ
) -> PrivateKey:
    """Read a private key file.

    Raises:
        BadFile: it cannot be read.
        BadKey: it is no accepted key, or the passphrase is missing or wrong.
    """
    passphrase = None if passphrase_env is None else _passphrase(passphrase_env, environ)
    return load_private_key(_read(path), str(path), passphrase)


def read_public_key(path: Path) -> PublicKey:
    """Read a public key file.

    Raises:
        BadFile: it cannot be read.
        BadKey: it is no accepted public key.
    """
    return load_public_key(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise BadFile(
            f"cannot read key {path}: {error.strerror}",
            next_step="check the path; `envelope keygen NAME` makes a key pair",
        ) from None
    if len(data) > MAX_KEY_BYTES:
        raise BadKey(f"{path} is too large for a key", next_step="check the path")
    return data


def _passphrase(variable: str, environ: Mapping[str, str]) -> bytes:
    value = environ.get(variable, "")
    if not value:
        raise BadKey(
            f"environment variable {variable} is not set, or is empty",
            next_step=f"set {variable} to the passphrase, for this command alone",
        )
    return os.fsencode(value)


def _encrypted(key: PrivateKey, passphrase: bytes) -> tuple[bytes, str | None]:
    """Encrypt with scrypt through openssl; `cryptography` alone derives keys too cheaply."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return key.pem(passphrase), (
            "openssl was not found, so the passphrase is protected by few rounds only: "
            "use a long random one"
        )
    import subprocess

    done = subprocess.run(
        [openssl, "pkcs8", "-topk8", "-scrypt", "-passout", "env:ENVELOPE_NEW_PASSPHRASE"],
        input=key.pem(),
        env={**os.environ, "ENVELOPE_NEW_PASSPHRASE": os.fsdecode(passphrase)},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise BadKey(
            f"openssl could not encrypt the key: {done.stderr.decode(errors='replace').strip()}",
            next_step="try another passphrase, or leave `--passphrase-env` out",
        )
    return done.stdout, None


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise BadFile(
            f"cannot write {path}: {error.strerror}", next_step="choose a folder you may write to"
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)

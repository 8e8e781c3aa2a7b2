"""OpenSSF Model Signing: one bundle that vouches for every file of a model folder.

The format is not ours (https://github.com/ossf/model-signing-spec, predicate v1.0): a Sigstore
bundle around a DSSE envelope around an in-toto Statement, whose one subject is the SHA-256 over the
digests of all files in order. That root does not bind file names, so each path is compared too.
Only `files` by `sha256` is read; shards, other digests and the forms before 1.0 are refused.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from envelope.attestation import STATEMENT_TYPE, Verified
from envelope.errors import BadKey, DigestMismatch
from envelope.oms_folder import GIT_PATHS, Listing, is_plain_path
from envelope.signing import PrivateKey, Signature, pae
from envelope.wrapping import PAYLOAD_TYPE, list_in, refuse, text_in, write_bundle

PREDICATE_TYPE = "https://model_signing/signature/v1.0"


@dataclass(frozen=True)
class Manifest:
    """What a verified bundle says about a folder."""

    digests: Mapping[str, str]
    """SHA-256 by relative path."""
    ignored: tuple[str, ...]
    """Paths that the signer left out, Git's own among them."""


def sign_folder(listing: Listing, name: str, key: PrivateKey) -> bytes:
    """The bundle over a folder. Equal input gives equal bytes.

    Args:
        listing: the folder's files.
        name: what to call the model; informative only.
        key: ECDSA P-256, which is what other tools of this format check.

    Raises:
        BadKey: a key of another kind.
    """
    if key.public.algorithm != "p256":
        raise BadKey(
            f"a model folder is signed with ECDSA P-256, the key is {key.public.algorithm}",
            next_step="make one with `envelope keygen NAME`",
        )
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": _root(listing.digests.values())}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(GIT_PATHS),
            },
            "resources": [
                {"name": path, "algorithm": "sha256", "digest": digest}
                for path, digest in listing.digests.items()
            ],
        },
    }
    payload = json.dumps(statement, indent=2).encode()
    # This format names a key by its PEM text, and its tools compare that name.
    hint = hashlib.sha256(key.public.pem).hexdigest()
    return write_bundle(payload, Signature(hint, key.sign(pae(PAYLOAD_TYPE, payload))))


def read_manifest(verified: Verified) -> Manifest:
    """What a bundle says, after its signature was checked.

    Raises:
        AttestationMalformed: a form that is not read, paths that leave the folder or that two
            systems would read differently, or a root that does not follow from the files.
    """
    name, predicate = verified.name, verified.predicate
    serialization = predicate.get("serialization")
    for field, expected in (("method", "files"), ("hash_type", "sha256")):
        found = text_in(serialization, field, name)
        if found != expected:
            refuse(name, f"its {field} is {ascii(found)[:80]}, only {expected} is read")
    ignored = serialization.get("ignore_paths", []) if isinstance(serialization, dict) else None
    if not isinstance(ignored, list) or not all(isinstance(path, str) for path in ignored):
        refuse(name, "its ignore_paths is not a list of texts")
    digests: dict[str, str] = {}
    for resource in list_in(predicate, "resources", name):
        path, digest = _resource(resource, name)
        if path.casefold() in (known.casefold() for known in digests):
            refuse(name, f"it lists {path} twice, or in two spellings")
        digests[path] = digest
    if len(verified.subjects) != 1:
        refuse(name, f"it has {len(verified.subjects)} subjects, expected the folder alone")
    said, root = verified.subjects[0].digest.get("sha256"), _root(digests.values())
    if not digests or said != root:
        refuse(name, f"its root is {str(said)[:12]}, its files give {root[:12]}")
    return Manifest(digests, tuple(ignored))


def require_same_folder(manifest: Manifest, listing: Listing, name: str) -> None:
    """Hold a folder to its manifest: every path, nothing more, nothing less.

    A file that the signer ignored is refused as any other that nobody signed; only Git's own are
    let be.

    Raises:
        DigestMismatch: naming what was changed, is missing, or is there unsigned.
    """
    there, signed = listing.digests, manifest.digests
    changed = [path for path in signed if path in there and there[path] != signed[path]]
    problems = [
        f"{path} has sha256 {there[path][:12]}, signed was {signed[path][:12]}" for path in changed
    ]
    problems += [f"{path} is missing" for path in signed if path not in there]
    problems += [f"{path} was not signed" for path in there if path not in signed]
    if problems:
        rest = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise DigestMismatch(
            f"{name} is not the folder that was signed: {'; '.join(problems[:3])}{rest}",
            next_step="take the folder again from where it came from, or move out of it what does "
            "not belong to the model",
        )


def _root(digests: Iterable[str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()


def _resource(resource: Any, name: str) -> tuple[str, str]:
    path, digest = text_in(resource, "name", name), text_in(resource, "digest", name)
    if not is_plain_path(path):
        refuse(name, f"it lists {ascii(path)[:80]}, which is no plain path inside a folder")
    algorithm = text_in(resource, "algorithm", name)
    if algorithm != "sha256" or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        refuse(name, f"the digest of {path} is not a sha256")
    return path, digest

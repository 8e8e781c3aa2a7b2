"""Key files are private to their owner, never overwritten, and strongly protected if at all."""

import base64
import os
import shutil
import stat

import pytest

from envelope import keyfiles
from envelope.errors import BadFile, BadKey
from envelope.keyfiles import read_private_key, read_public_key, write_key_pair
from envelope.signing import load_private_key

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None and os.environ.get("REQUIRE_TOOLS") != "1",
    reason="openssl is not installed",
)


@pytest.mark.parametrize("algorithm", ["p256", "ed25519"])
def test_a_new_pair_can_be_read_back_and_the_private_half_is_its_owners_alone(tmp_path, algorithm):
    pair = write_key_pair(tmp_path / "lab.v2", algorithm=algorithm)

    assert (pair.private.name, pair.public.name) == ("lab.v2.key", "lab.v2.pub")
    assert stat.S_IMODE(pair.private.stat().st_mode) == 0o600
    assert read_private_key(pair.private).public == read_public_key(pair.public) == pair.key
    assert pair.warning is not None
    assert "is not encrypted" in pair.warning


@pytest.mark.parametrize("existing", ["lab.key", "lab.pub"])
def test_no_key_is_overwritten_and_none_is_half_written(tmp_path, existing):
    (tmp_path / existing).write_text("precious")

    with pytest.raises(BadFile, match="exists already"):
        write_key_pair(tmp_path / "lab")

    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "precious"


def test_a_dangling_link_is_not_followed(tmp_path):
    (tmp_path / "lab.key").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BadFile, match="exists already"):
        write_key_pair(tmp_path / "lab")

    assert not (tmp_path / "elsewhere").exists()


@needs_openssl
def test_a_passphrase_protects_by_scrypt(tmp_path):
    environ = {"PASS": "correct horse é"}
    pair = write_key_pair(tmp_path / "lab", passphrase_env="PASS", environ=environ)

    assert pair.warning is None
    assert pair.private.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert scrypt_cost(pair.private.read_bytes()) >= 2**14
    read = read_private_key(pair.private, passphrase_env="PASS", environ=environ)
    assert read.public == pair.key
    with pytest.raises(BadKey, match="needs a passphrase"):
        read_private_key(pair.private)
    with pytest.raises(BadKey, match="passphrase is another"):
        read_private_key(pair.private, passphrase_env="PASS", environ={"PASS": "wrong"})


def scrypt_cost(pem: bytes) -> int:
    """The cost N, parsed out of the DER: it follows the 8-byte salt of the scrypt parameters."""
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    after_oid = der[der.index(SCRYPT_OID) + len(SCRYPT_OID) :]
    salt_length = after_oid[3]
    number = after_oid[4 + salt_length :]
    assert number[0] == 2
    return int.from_bytes(number[2 : 2 + number[1]], "big")


SCRYPT_OID = bytes.fromhex("06092b06010401da47040b")


def test_without_openssl_the_weak_protection_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(keyfiles.shutil, "which", lambda name: None)
    pair = write_key_pair(tmp_path / "lab", passphrase_env="P", environ={"P": "secret"})

    assert pair.warning is not None
    assert "few rounds" in pair.warning
    assert load_private_key(pair.private.read_bytes(), "x", b"secret").public == pair.key


@pytest.mark.parametrize("environ", [{}, {"PASS": ""}])
def test_a_variable_that_is_not_set_is_no_passphrase(tmp_path, environ):
    with pytest.raises(BadKey, match="environment variable PASS is not set, or is empty"):
        write_key_pair(tmp_path / "lab", passphrase_env="PASS", environ=environ)

    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_keys_are_refused(tmp_path):
    large = tmp_path / "large.pub"
    large.write_bytes(bytes(2**16 + 1))

    with pytest.raises(BadFile, match="cannot read key"):
        read_public_key(tmp_path / "absent.pub")
    with pytest.raises(BadKey, match="too large for a key"):
        read_public_key(large)
    with pytest.raises(BadFile, match="cannot write"):
        write_key_pair(tmp_path / "no such folder" / "lab")

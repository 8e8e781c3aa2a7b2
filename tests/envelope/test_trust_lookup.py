"""Trust is found in four places, and never where the one who is checked could have put it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from envelope.attestation import PREDICATE_TYPE, make
from envelope.errors import BadFile, BadKey, EnvelopeError, NoTrust
from envelope.trust_lookup import find_trust, load_trust, trust_key, user_trust_file
from tests.envelope.signers import AUDITOR, PREDICATE, SECOND, STRANGER, SUBJECTS

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def home(tmp_path):
    """An environment with an empty configuration folder."""
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def write_pub(path: Path, key=AUDITOR) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(key.public.pem)
    return path


def write_trust(folder: Path, *, key=AUDITOR, public_key="keys/lab.pub", more="") -> Path:
    write_pub(folder / "keys" / "lab.pub", key)
    path = folder / "trust.yaml"
    path.write_text(
        f"version: 1\nkeys:\n  - name: lab\n    public_key: {public_key}\n    roles: [auditor]\n"
        f"    predicate_types: [{PREDICATE_TYPE}]\n{more}"
    )
    return path


def only_key(trust):
    (key,) = trust.keys
    return key.public


def test_the_first_place_that_says_something_decides_alone(tmp_path, home):
    key = write_pub(tmp_path / "a.pub", AUDITOR)
    given = write_trust(tmp_path / "given", key=SECOND)
    named = write_trust(tmp_path / "named", key=STRANGER)
    write_trust(user_trust_file(home).parent, key=AUDITOR)
    environ = {**home, "ENVELOPE_TRUST": str(named)}

    assert only_key(find_trust(key=key, trust=given, environ=environ)) == AUDITOR.public
    assert only_key(find_trust(trust=given, environ=environ)) == SECOND.public
    assert only_key(find_trust(environ=environ)) == STRANGER.public
    assert only_key(find_trust(environ=home)) == AUDITOR.public


def test_without_any_trust_nothing_is_trusted_and_the_next_step_is_said(home):
    with pytest.raises(
        NoTrust, match=r"Next: give the auditor's public key with `--key"
    ) as refusal:
        find_trust(environ=home)

    assert refusal.value.exit_status == 3
    assert refusal.value.reason == "no_trust"


def test_the_folder_one_works_in_is_not_a_place_of_trust(tmp_path, home, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_trust(tmp_path)
    write_trust(tmp_path / "envelope")
    write_trust(tmp_path / ".config" / "envelope")

    for relative in ("", ".", "config"):
        with pytest.raises(NoTrust):
            find_trust(environ={"HOME": home["HOME"], "XDG_CONFIG_HOME": relative})


def test_the_users_own_file_follows_the_desktop_convention(tmp_path):
    home = {"HOME": str(tmp_path)}

    assert user_trust_file(home) == tmp_path / ".config/envelope/trust.yaml"
    assert user_trust_file({**home, "XDG_CONFIG_HOME": "/etc/x"}) == Path(
        "/etc/x/envelope/trust.yaml"
    )


def test_what_is_named_and_absent_is_an_error_and_not_passed_over(tmp_path, home):
    write_trust(user_trust_file(home).parent)
    absent = tmp_path / "absent"

    for arguments in ({"key": absent}, {"trust": absent}):
        with pytest.raises(BadFile, match="cannot read"):
            find_trust(**arguments, environ=home)
    with pytest.raises(BadFile, match="cannot read"):
        find_trust(environ={**home, "ENVELOPE_TRUST": str(absent)})


def test_a_key_on_the_command_line_is_trusted_for_what_is_asked(tmp_path, home):
    trust = find_trust(key=write_pub(tmp_path / "a.pub"), environ=home)

    assert trust.open(make(PREDICATE, SUBJECTS, AUDITOR), now=NOW)


def test_a_trust_file_is_read_in_full(tmp_path):
    trust = load_trust(
        write_trust(
            tmp_path,
            more="    valid_from: 2026-01-01T00:00:00Z\n    valid_until: '2027-01-01T00:00:00Z'\n"
            f"revoked:\n  - sha256: '{'a' * 64}'\n    reason: mislabelled\n"
            f"  - sha256: '{'b' * 64}'\n"
            "policy: {threshold: 1, max_age_days: 90, require_claims: [planning.success]}\n",
        )
    )

    assert trust.keys[0].valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert trust.revoked == {"a" * 64: "mislabelled", "b" * 64: "no reason given"}
    assert trust.policy.max_age_days == 90
    assert trust.policy.require_claims == ("planning.success",)
    assert trust.open(make(PREDICATE, SUBJECTS, AUDITOR), now=NOW)


@pytest.mark.parametrize("public_key", ["../lab.pub", "keys/../../lab.pub", "/etc/lab.pub"])
def test_t26_a_key_outside_the_folder_of_the_trust_file_is_refused(tmp_path, public_key):
    write_pub(tmp_path / "lab.pub")

    with pytest.raises(BadFile, match="outside the folder of the trust file"):
        load_trust(write_trust(tmp_path / "trust", public_key=public_key))


def test_t26_a_link_out_of_the_folder_is_refused(tmp_path):
    path = write_trust(tmp_path / "trust", public_key="link.pub")
    (tmp_path / "trust/link.pub").symlink_to(write_pub(tmp_path / "lab.pub"))

    with pytest.raises(BadFile, match="outside the folder of the trust file"):
        load_trust(path)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("version: 1", "version: 2", r"trust\.yaml:1:1: version: expected 1, found 2"),
        ("version: 1\n", "", "version: this field is missing"),
        ("roles: [auditor]", "roles: [root]", r"trust\.yaml:5:13: keys\.0\.roles\.0: expected"),
        ("roles: [auditor]", "roles: []", r"keys\.0\.roles: "),
        ("    roles: [auditor]\n", "", r"keys\.0\.roles: this field is missing"),
        ("roles:", "role:", r"keys\.0\.role: unknown field; did you mean roles\?"),
        ("name: lab", "name: ../lab", r"keys\.0\.name: "),
        ("name: lab", "name: 'lab\n\n'", r"keys\.0\.name: "),
        ("keys/lab.pub", "keys/absent.pub", "cannot read key"),
        ("    roles", "    valid_until: 2027-01-01\n    roles", r"keys\.0\.valid_until: "),
        ("    roles", "    valid_until: 2027-01-01T00:00:00\n    roles", r"keys\.0\.valid_until: "),
        ("keys:", "policy: {threshold: 0}\nkeys:", r"policy\.threshold: expected greater than"),
        ("keys:", "policy: {max_age_days: '90'}\nkeys:", r"policy\.max_age_days: expected a valid"),
        ("keys:", "policy: {max_age: 90}\nkeys:", "did you mean max_age_days?"),
        ("keys:", "revoked: [{sha256: abc}]\nkeys:", r"revoked\.0\.sha256: "),
    ],
)
def test_a_trust_file_that_does_not_fit_is_refused_with_the_place(tmp_path, old, new, problem):
    path = write_trust(tmp_path)
    assert load_trust(path)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(EnvelopeError, match=problem) as refusal:
        load_trust(path)

    assert refusal.value.exit_status == 2


def test_one_key_under_two_names_and_one_name_for_two_keys_are_refused(tmp_path):
    entry = "  - name: {}\n    public_key: keys/{}.pub\n    roles: [ci]\n    predicate_types: [x]\n"
    write_pub(tmp_path / "keys/two.pub", SECOND)

    with pytest.raises(BadFile, match="lab and other are the same key"):
        load_trust(write_trust(tmp_path, more=entry.format("other", "lab")))
    with pytest.raises(BadFile, match="key names must differ, lab is there twice"):
        load_trust(write_trust(tmp_path, more=entry.format("LAB", "two")))


def test_a_file_that_is_no_key_is_refused(tmp_path):
    path = write_trust(tmp_path)
    (tmp_path / "keys/lab.pub").write_text("not a key")

    with pytest.raises(BadKey, match="is not a public key in PEM"):
        load_trust(path)


def test_a_key_added_is_trusted_from_then_on(tmp_path, home):
    first = write_pub(tmp_path / "lab.pub")
    second = write_pub(tmp_path / "123.pub", SECOND)

    trust_file = trust_key(first, environ=home)
    first.unlink()

    assert trust_file == user_trust_file(home)
    assert only_key(find_trust(environ=home)) == AUDITOR.public
    trust_key(second, environ=home)
    assert [key.name for key in find_trust(environ=home).keys] == ["123", "lab"]
    assert find_trust(environ=home).open(make(PREDICATE, SUBJECTS, AUDITOR), now=NOW)
    assert sorted(os.listdir(trust_file.parent)) == ["keys", "trust.yaml"]


def test_adding_a_key_twice_changes_nothing(tmp_path, home):
    trust_file = trust_key(write_pub(tmp_path / "lab.pub"), environ=home)
    before = trust_file.read_bytes()

    trust_key(write_pub(tmp_path / "other-name.pub"), environ=home)

    assert trust_file.read_bytes() == before


def test_adding_a_key_keeps_comments_policy_and_indentation(tmp_path, home):
    trust_file = user_trust_file(home)
    write_trust(trust_file.parent, more="# reviewed in May\npolicy:\n  max_age_days: 30\n")
    narrow = trust_file.read_text().replace("\n  ", "\n").replace("max_age", "  max_age")
    trust_file.write_text(narrow)

    trust_key(write_pub(tmp_path / "two.pub", SECOND), environ=home)

    assert "# reviewed in May" in trust_file.read_text()
    assert find_trust(environ=home).policy.max_age_days == 30
    assert [key.name for key in find_trust(environ=home).keys] == ["two", "lab"]


def test_a_key_is_not_added_under_a_name_that_is_taken_or_unfit(tmp_path, home):
    trust_file = trust_key(write_pub(tmp_path / "lab.pub"), environ=home)
    before = trust_file.read_bytes()

    with pytest.raises(BadFile, match="has another key named LAB"):
        trust_key(write_pub(tmp_path / "two.pub", SECOND), name="LAB", environ=home)
    for name in ("../x", "a b", 'a"', ".hidden", "a" * 65, "a\n"):
        with pytest.raises(BadFile, match="cannot name a key"):
            trust_key(write_pub(tmp_path / "two.pub", SECOND), name=name, environ=home)
    assert trust_file.read_bytes() == before


@pytest.mark.parametrize("keys", ["keys: []", "keys: # mine\n  []", "'keys': []"])
def test_a_file_that_cannot_be_extended_is_left_and_the_entry_is_shown(tmp_path, home, keys):
    trust_file = user_trust_file(home)
    trust_file.parent.mkdir(parents=True)
    trust_file.write_text(f"version: 1\n{keys}\n")

    with pytest.raises(BadFile, match='add this by hand:\n- name: "lab"'):
        trust_key(write_pub(tmp_path / "lab.pub"), environ=home)

    assert trust_file.read_text() == f"version: 1\n{keys}\n"


def test_a_folder_one_may_not_write_to_is_said(tmp_path):
    (tmp_path / "config").write_text("a file, not a folder")

    with pytest.raises(BadFile, match="cannot write"):
        trust_key(
            write_pub(tmp_path / "lab.pub"),
            environ={"XDG_CONFIG_HOME": str(tmp_path / "config")},
        )

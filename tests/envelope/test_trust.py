"""Trust decides who may sign what and when, whatever the attestation says."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from envelope.attestation import make
from envelope.errors import KeyNotAllowed, KeyNotTrusted, NotTrusted, Revoked, TooOld
from envelope.trust import Policy, Trust, TrustedKey
from tests.envelope.signers import AUDITOR, PREDICATE, SECOND, STRANGER, SUBJECTS, dsse, statement

NOW = datetime(2026, 11, 21, tzinfo=UTC)
GOOD = make(PREDICATE, SUBJECTS, AUDITOR)
KEY = TrustedKey("lab", AUDITOR.public)


def trust(*keys: TrustedKey, revoked=None, **policy) -> Trust:
    return Trust("trust.yaml", keys or (KEY,), revoked or {}, Policy(**policy))


def test_a_trusted_auditor_is_believed():
    assert trust().open(GOOD, now=NOW).predicate == PREDICATE


def test_a_stranger_is_not_believed():
    with pytest.raises(KeyNotTrusted):
        trust(TrustedKey("other", STRANGER.public)).open(GOOD, now=NOW)


def test_t6_a_ci_key_may_not_sign_an_envelope():
    with pytest.raises(KeyNotAllowed, match="key lab, which has the role ci, not auditor"):
        trust(replace(KEY, roles=("ci",))).open(GOOD, now=NOW)
    assert trust(replace(KEY, roles=("ci", "auditor"))).open(GOOD, now=NOW)


def test_t6_a_key_signs_only_the_predicate_types_it_is_trusted_for():
    svr = "https://in-toto.io/attestation/svr/v0.2"
    key = replace(KEY, predicate_types=(svr,))
    other = make(PREDICATE, SUBJECTS, AUDITOR, predicate_type=svr)

    assert trust(key).open(other, now=NOW, predicate_type=svr)
    with pytest.raises(KeyNotAllowed, match="key lab, which may not sign https"):
        trust(key).open(GOOD, now=NOW)


@pytest.mark.parametrize(
    ("limits", "days", "accepted"),
    [
        ({"valid_from": NOW}, -1, False),
        ({"valid_from": NOW}, 0, True),
        ({"valid_until": NOW}, -1, True),
        ({"valid_until": NOW}, 0, False),
        ({"valid_until": NOW}, 1, False),
        ({"valid_from": NOW, "valid_until": NOW + timedelta(days=2)}, 1, True),
    ],
)
def test_t15_the_dates_of_a_key_are_judged_at_the_time_given(limits, days, accepted):
    judged = trust(replace(KEY, **limits))
    now = NOW + timedelta(days=days)

    if accepted:
        assert judged.open(GOOD, now=now)
    else:
        with pytest.raises(KeyNotAllowed, match="valid"):
            judged.open(GOOD, now=now)


def test_t16_a_revoked_key_is_refused_with_the_reason():
    revoked = {AUDITOR.public.key_id: "laptop stolen"}

    with pytest.raises(Revoked, match=r"key lab, which is revoked \(laptop stolen\)"):
        trust(revoked=revoked).open(GOOD, now=NOW)


def test_t16_a_revoked_key_does_not_spoil_the_signature_of_another():
    both = dsse(statement(), AUDITOR, SECOND)
    judged = trust(KEY, TrustedKey("two", SECOND.public), revoked={AUDITOR.public.key_id: "gone"})

    assert judged.open(json.dumps(both).encode(), now=NOW).keys == (SECOND.public,)


@pytest.mark.parametrize("identity", ["envelope_id", "payload_sha256"])
def test_t16_a_revoked_envelope_is_refused(identity):
    name = getattr(trust().open(GOOD, now=NOW), identity)

    with pytest.raises(Revoked, match=r"a\.json is revoked \(wrong labels\)"):
        trust(revoked={name: "wrong labels"}).open(GOOD, now=NOW, name="a.json")
    assert trust(revoked={"0" * 64: "another"}).open(GOOD, now=NOW)


def test_t7_the_threshold_of_the_policy_counts_only_keys_that_may_sign():
    both = json.dumps(dsse(statement(), AUDITOR, SECOND)).encode()
    second = TrustedKey("two", SECOND.public)

    assert trust(KEY, second, threshold=2).open(both, now=NOW)
    for judged in (
        trust(KEY, second, threshold=3),
        trust(KEY, replace(second, roles=("ci",)), threshold=2),
        trust(KEY, KEY, threshold=2),
    ):
        with pytest.raises(NotTrusted):
            judged.open(both, now=NOW)


def test_every_refusal_of_trust_is_status_three():
    assert all(kind.exit_status == 3 for kind in NotTrusted.__subclasses__())
    reasons = [kind.reason for kind in NotTrusted.__subclasses__()]
    assert len(set(reasons)) == len(reasons)


def test_t15_a_measurement_may_be_neither_too_old_nor_from_the_future():
    policy = Policy(max_age_days=90)

    policy.require_fresh(NOW - timedelta(days=90), now=NOW)
    policy.require_fresh(NOW + timedelta(minutes=1), now=NOW)
    Policy().require_fresh(NOW - timedelta(days=10_000), now=NOW)
    with pytest.raises(TooOld, match=r"measured 90\.5 days ago; the trust policy accepts 90"):
        policy.require_fresh(NOW - timedelta(days=90.5), now=NOW)
    with pytest.raises(TooOld, match="which is after now"):
        Policy().require_fresh(NOW + timedelta(hours=1), now=NOW)


def test_required_claims_that_a_deployment_drops_are_named():
    policy = Policy(require_claims=("planning.success", "drift.usable_horizon"))

    assert policy.missing_claims(["planning.success"]) == ["drift.usable_horizon"]
    assert policy.missing_claims(("drift.usable_horizon", "planning.success", "x")) == []

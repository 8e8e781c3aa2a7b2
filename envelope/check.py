"""Everything that `check` judges, in one function."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from envelope.deploy import Deployment
from envelope.errors import Revoked
from envelope.lapses import Lapse, find_lapses
from envelope.plan import run_again
from envelope.records import Claim, Envelope
from envelope.same_model import ModelIdentity, require_same_model
from envelope.scope import FieldResult, compare_scope
from envelope.state import Standing, State, state_of
from envelope.times import parse_time, time_text
from envelope.verdict import ClaimStanding, Code, FieldVerdict, Reason, Verdict
from envelope.verdict_text import value_text

if TYPE_CHECKING:
    from envelope.trust import Policy


def check_deployment(
    envelope: Envelope,
    deployment: Deployment,
    *,
    now: datetime,
    model: ModelIdentity,
    policy: "Policy",
    standing: Standing = "current",
) -> Verdict:
    """Is this deployment inside what was measured, and does all that it relies on hold?

    Args:
        envelope: the record, from an attestation whose signature was checked.
        deployment: how the model is about to be used.
        now: with a time zone.
        model: what the checkpoint named in the deployment is.
        policy: what the deployer's trust file asks of any evidence.
        standing: whether the record was superseded or revoked.

    Raises:
        BadFile: the deployment or the record cannot be compared.
        NotTrusted: another model, a record that is too old or dated in the future, or revoked.
    """
    policy.require_fresh(parse_time(envelope.measured_at, "measured_at"), now=now)
    if standing == "revoked":
        raise Revoked("the record is revoked", next_step="run `envelope measure` again")
    recognised_by = require_same_model(envelope.model_state, model)
    results = compare_scope(envelope, deployment)
    lapses = find_lapses(envelope, results)
    relied_on = list(dict.fromkeys(deployment.file.relies_on or []))
    claims = list(_standings(envelope, lapses, relied_on))
    lapsed = {claim.id for claim in claims if claim.lapsed_by}
    state = state_of(envelope, now=now, lapsed=lapsed, standing=standing)
    reasons = [
        *_of_record(envelope, state),
        *(_of_field(envelope, one.result) for one in lapses if one.result.status != "inside"),
        *_of_claims(envelope, deployment, relied_on, claims, lapses),
        *_of_policy(policy, deployment, relied_on),
    ]
    unsettled = [one.id for one in claims if one.relied_on and one.verdict == "unknown"]
    if state in ("expired", "superseded"):
        unsettled += relied_on
    newly = [name for lapse in lapses for name in lapse.brings_in]
    return Verdict(
        format="verdict/0.1",
        exit_status=1 if reasons else 0,
        state=state,
        reasons=reasons,
        fields=[
            FieldVerdict(
                field=result.field,
                status=result.status,
                declared=result.declared,
                admitted=result.admitted,
                unit=result.unit,
                line=result.line,
            )
            for result in results
        ],
        claims=claims,
        newly_in_scope=list(dict.fromkeys(newly)),
        run_again=run_again(
            envelope,
            deployment,
            lapses,
            checkpoint=model.path or model.name,
            relied_on=relied_on,
            unsettled=unsettled,
        ),
        deploy_name=deployment.name,
        model=f"{model.name}, recognised by its {recognised_by}",
        assurance=envelope.assurance,
        measured_at=envelope.measured_at,
        valid_until=envelope.valid_until,
        checked_at=time_text(now),
    )


def _standings(
    envelope: Envelope, lapses: list[Lapse], relied_on: list[str]
) -> Iterable[ClaimStanding]:
    for claim in envelope.claims:
        yield ClaimStanding(
            id=claim.id,
            verdict=claim.verdict,
            outcome=claim.outcome,
            reason=claim.reason,
            relied_on=claim.id in relied_on,
            lapsed_by=[lapse.result.field for lapse in lapses if claim.id in lapse.claims],
        )


# --- reasons ------------------------------------------------------------------------------------


def _of_record(envelope: Envelope, state: State) -> Iterable[Reason]:
    if state == "expired":
        message = f"valid until {envelope.valid_until}"
        yield Reason(code="expired", subject="valid_until", message=message, line=None)
    elif state == "superseded":
        message = "another record took the place of this one"
        yield Reason(code="superseded", subject="envelope", message=message, line=None)


def _of_field(envelope: Envelope, result: FieldResult) -> Reason:
    declared = value_text(result.declared, result.unit)
    admitted = value_text(result.admitted, result.unit)
    code: Code = "field_outside"
    message = f"declared {declared}, measured {admitted}"
    if result.is_second_axis:
        code = "second_axis_unmeasured"
        message = f"declared {declared}, measured only with everything else at its nominal point"
        if result.together:
            box = value_text(result.together, result.unit)
            message = f"declared {declared}, measured together with other nuisances only in {box}"
    elif result.status == "undeclared":
        code = "field_undeclared"
        message = f"declare it; the record admits {admitted}" if result.admitted else "declare it"
    elif result.status == "unmeasured":
        code = "field_unmeasured"
        message = f"declared {declared}, and nothing off the nominal point was measured"
        if result.admitted is None:
            message = f"declared {declared}, and the record does not speak of it"
    elif result.unit:
        measured = envelope.input_scope.nuisance[result.field.removeprefix(_NUISANCE)].measured
        tried = value_text([measured.low, measured.high], result.unit)
        message = f"declared {declared}, admitted {admitted}; closed-loop cells lie in {tried}"
    return Reason(code=code, subject=result.field, message=message, line=result.line)


_NUISANCE = "input_scope.nuisance."


def _of_claims(
    envelope: Envelope,
    deployment: Deployment,
    relied_on: list[str],
    claims: list[ClaimStanding],
    lapses: list[Lapse],
) -> Iterable[Reason]:
    line = deployment.line("relies_on")
    if deployment.file.relies_on == []:
        message = "a deployment that relies on no claim cannot be checked"
        yield Reason(code="relies_on_nothing", subject="relies_on", message=message, line=line)
    recorded = {claim.id: claim for claim in envelope.claims}
    for place, name in enumerate(deployment.file.relies_on or []):
        line = deployment.line(f"relies_on.{place}")
        claim = recorded.get(name)
        if claim is None:
            from difflib import get_close_matches

            near = get_close_matches(name, recorded, n=1)
            message = "the record has no such claim" + "".join(f"; did you mean {n}?" for n in near)
            yield Reason(code="claim_not_recorded", subject=name, message=message, line=line)
        elif claim.verdict != "holds":
            yield Reason(code=_failing(claim), subject=name, message=_words(claim), line=line)
    inside = {lapse.result.field for lapse in lapses if lapse.result.status == "inside"}
    for one in claims:
        if one.relied_on and one.lapsed_by:
            message = f"lapsed by {', '.join(one.lapsed_by)}"
            if inside.issuperset(one.lapsed_by):
                message += "; what is declared is admitted, but this was not shown there"
            yield Reason(code="claim_lapsed", subject=one.id, message=message, line=None)


def _failing(claim: Claim) -> Code:
    if claim.outcome == "blind":
        return "blind_spot"
    return "claim_fails" if claim.verdict == "fails" else "claim_unknown"


def _words(claim: Claim) -> str:
    if claim.outcome == "blind":
        return f"a recorded blind spot; {claim.reason}"
    if claim.kind == "bound" and claim.verdict == "fails":
        return f"a recorded bound; {claim.reason}"
    return claim.reason


def _of_policy(policy: "Policy", deployment: Deployment, relied_on: list[str]) -> Iterable[Reason]:
    for name in policy.missing_claims(relied_on):
        yield Reason(
            code="required_claim_dropped",
            subject=name,
            message="the trust policy requires relying on it",
            line=deployment.line("relies_on"),
        )

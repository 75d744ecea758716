"""From records to the shapes of the interface."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from steelyard.api.alerts.messages import shown_recipient
from steelyard.api.desk import FleetItem, GatewayItem
from steelyard.api.instants import rfc3339
from steelyard.api.live import LiveReading
from steelyard.api.recording import GivenEvent
from steelyard.api.rest import shapes
from steelyard.calibration.verification.assessment import Assessment
from steelyard.calibration.verification.audit import AuditEntry
from steelyard.calibration.verification.due_date import valid_until
from steelyard.calibration.verification.events import EventPoint, VerificationEvent
from steelyard.calibration.verification.observations import ErrorObservation
from steelyard.calibration.verification.status import InstrumentStatus
from steelyard.calibration.verification.work_orders import OrderState, WorkOrder
from steelyard.contracts.registry import Channel, Organization
from steelyard.storage.ledger import Refused
from steelyard.storage.records import Alert

NOT_ASSESSED = "It has not been assessed yet."


def _when(t_ns: int | None) -> str | None:
    return None if t_ns is None else rfc3339(t_ns)


def _valid_until(assessment: Assessment | None) -> date | None:
    if assessment is None or assessment.statutory_due is None:
        return None
    return valid_until(assessment.statutory_due)


def organization(held: Organization) -> shapes.OrganizationShape:
    """Return an organization's shape."""
    return shapes.OrganizationShape(id=held.id, name=held.name, kind=held.kind, region=held.region)


def instrument(item: FleetItem) -> shapes.InstrumentShape:
    """Return an instrument's shape, with what is known of it."""
    held, assessment = item.instrument, item.assessment
    estimate = assessment.estimate if assessment else None
    return shapes.InstrumentShape(
        id=held.id,
        name=held.name,
        organization=held.organization,
        gateway=held.gateway,
        kind=held.kind,
        profile=held.profile,
        serial=held.serial,
        location=held.location,
        accuracy_class=held.accuracy_class,
        status=assessment.status if assessment else None,
        reason=assessment.reason if assessment else NOT_ASSESSED,
        due_date=assessment.due_date if assessment else None,
        statutory_due=assessment.statutory_due if assessment else None,
        valid_until=_valid_until(assessment),
        recommended_due=assessment.recommended_due if assessment else None,
        probability_out_of_tolerance=assessment.probability_out_of_tolerance if assessment else None,
        error=estimate.error if estimate else None,
        expanded_uncertainty=estimate.expanded_uncertainty if estimate else None,
        error_unit=estimate.unit if estimate else None,
        mpe_lower=estimate.mpe_lower if estimate else None,
        mpe_upper=estimate.mpe_upper if estimate else None,
        assessed_at=_when(assessment.at_ns if assessment else None),
        open_work_orders=[order.id for order in item.orders],
    )


def due(item: FleetItem) -> shapes.DueShape:
    """Return when an instrument must be verified."""
    assessment = item.assessment
    return shapes.DueShape(
        instrument=item.instrument.id,
        name=item.instrument.name,
        organization=item.instrument.organization,
        due_date=assessment.due_date if assessment else None,
        statutory_due=assessment.statutory_due if assessment else None,
        valid_until=_valid_until(assessment),
        recommended_due=assessment.recommended_due if assessment else None,
        status=assessment.status if assessment else None,
        reason=assessment.reason if assessment else NOT_ASSESSED,
    )


def channel(held: Channel) -> shapes.ChannelShape:
    """Return a channel's shape."""
    return shapes.ChannelShape(id=held.id, quantity=held.quantity, unit=held.unit, resolution=held.resolution)


def live(reading: LiveReading, status: InstrumentStatus | None) -> shapes.LiveShape:
    """Return the shape of a channel's newest reading."""
    return shapes.LiveShape(
        channel=reading.channel,
        t=rfc3339(reading.t_ns),
        value=reading.value,
        unit=reading.unit,
        quality=int(reading.quality),
        correction=reading.correction,
        expanded_uncertainty=reading.expanded_uncertainty,
        status=status,
        text=reading.text,
        spread=reading.spread,
        note=reading.note,
    )


def observation(held: ErrorObservation) -> shapes.ErrorShape:
    """Return an error observation's shape."""
    return shapes.ErrorShape(
        t=rfc3339(held.t_ns),
        channel=held.channel,
        error=held.error,
        standard_uncertainty=held.standard_uncertainty,
        test_point=held.test_point,
        unit=held.unit,
        source=held.source,
        stage=held.stage,
        event=held.event,
    )


def forecast(assessment: Assessment) -> shapes.ForecastShape | None:
    """Return the shape of an assessment's estimate and forecast, None when nothing is known of the error."""
    held = assessment.estimate
    if held is None:
        return None
    return shapes.ForecastShape(
        instrument=assessment.instrument,
        at=rfc3339(assessment.at_ns),
        channel=held.channel,
        test_point=held.test_point,
        test_point_unit=held.test_point_unit,
        unit=held.unit,
        error=held.error,
        standard_uncertainty=held.standard_uncertainty,
        mpe_lower=held.mpe_lower,
        mpe_upper=held.mpe_upper,
        rate_per_year=held.rate_per_year,
        rate_standard_uncertainty=held.rate_standard_uncertainty,
        drift_significant=held.drift_significant,
        probability_out_of_tolerance=held.probability_out_of_tolerance,
        observation_count=held.observation_count,
        last_observation=rfc3339(held.last_observation_ns),
        jump=None
        if held.jump is None
        else shapes.JumpShape(
            t=rfc3339(held.jump.t_ns),
            detected=rfc3339(held.jump.detected_ns),
            size=held.jump.size,
            standard_uncertainty=held.jump.standard_uncertainty,
        ),
        assumed=None
        if held.assumed is None
        else shapes.AssumedShape(
            error=held.assumed.error,
            rate_per_year=held.assumed.rate_per_year,
            wander=held.assumed.wander,
            instruments=held.assumed.instruments,
            certificates=held.assumed.certificates,
        ),
        days=list(held.forecast.days),
        mean=list(held.forecast.mean),
        lower=list(held.forecast.lower),
        upper=list(held.forecast.upper),
        probability=list(held.forecast.probability),
    )


def event(held: VerificationEvent) -> shapes.EventShape:
    """Return a verification event's shape."""
    return shapes.EventShape(
        id=held.id,
        instrument=held.instrument,
        kind=held.kind,
        completed=held.completed,
        decision=held.decision,
        performed_by=held.performed_by,
        certificate=held.certificate,
        points=[
            shapes.PointShape(
                test_point=point.test_point,
                unit=point.unit,
                as_found=point.as_found,
                as_left=point.as_left,
                expanded_uncertainty=point.expanded_uncertainty,
                coverage_factor=point.coverage_factor,
            )
            for point in held.points
        ],
        limited_to=held.limited_to,
        supersedes=held.supersedes,
        work_order=held.work_order,
        imported_from=held.imported_from,
    )


def given_event(given: shapes.NewEvent) -> GivenEvent:
    """Return what a caller says of an event."""
    return GivenEvent(
        kind=given.kind,
        completed=given.completed,
        decision=given.decision,
        performed_by=given.performed_by,
        certificate=given.certificate,
        points=tuple(
            EventPoint(
                test_point=point.test_point,
                unit=point.unit,
                as_found=point.as_found,
                as_left=point.as_left,
                expanded_uncertainty=point.expanded_uncertainty,
                coverage_factor=point.coverage_factor,
            )
            for point in given.points
        ),
        limited_to=given.limited_to,
        supersedes=given.supersedes,
        items=tuple(given.items),
        work_order=given.work_order,
        imported_from=None if given.imported is None else given.imported.file,
        why=given.why,
    )


def order(held: WorkOrder) -> shapes.OrderShape:
    """Return a work order's shape."""
    return shapes.OrderShape(
        id=held.id,
        instrument=held.instrument,
        organization=held.organization,
        trigger=held.trigger,
        state=held.state,
        due_date=held.due_date,
        reason=held.reason,
        mandatory=held.mandatory,
        raised=rfc3339(held.raised_ns),
        updated=rfc3339(held.updated_ns),
        acknowledged=_when(held.acknowledged_ns),
        acknowledged_by=held.acknowledged_by,
        assigned_to=held.assigned_to,
        revision=held.revision,
    )


def order_detail(held: WorkOrder, audit: Sequence[AuditEntry], allowed: Sequence[OrderState]) -> shapes.OrderDetail:
    """Return a work order's shape with its evidence and history."""
    return shapes.OrderDetail(
        **order(held).model_dump(),
        evidence=[
            shapes.EvidenceShape(
                trigger=found.trigger,
                at=rfc3339(found.at_ns),
                sentence=found.sentence,
                unit=found.unit,
                test_point=found.test_point,
                error=found.error,
                standard_uncertainty=found.standard_uncertainty,
                mpe_lower=found.mpe_lower,
                mpe_upper=found.mpe_upper,
                rate_per_year=found.rate_per_year,
                probability_out_of_tolerance=found.probability_out_of_tolerance,
            )
            for found in held.evidence
        ],
        audit=[
            shapes.AuditShape(
                at=rfc3339(entry.at_ns),
                who=entry.who,
                role=entry.role,
                action=entry.action,
                old=entry.old,
                new=entry.new,
                why=entry.why,
            )
            for entry in audit
        ],
        allowed=list(allowed),
    )


def gateway(item: GatewayItem) -> shapes.GatewayShape:
    """Return a gateway's shape with its health."""
    health = item.health
    return shapes.GatewayShape(
        id=item.gateway.id,
        organization=item.owner.id,
        key=item.gateway.public_key.kid,
        instruments=item.instruments,
        state=health.state if health else None,
        boot=health.boot if health else None,
        last_frame=_when(health.last_frame_ns if health else None),
        contiguous_upto=health.contiguous_upto if health else None,
        received_frames=health.received_frames if health else None,
        received_readings=health.received_readings if health else None,
        missed_polls=health.missed_polls if health else None,
        spooled_frames=health.spooled_frames if health else None,
        clock_state=health.clock_state if health else None,
        clock_error_ms=health.clock_error_ms if health else None,
        updated=_when(health.updated_ns if health else None),
    )


def alert(held: Alert) -> shapes.AlertShape:
    """Return an alert's shape."""
    return shapes.AlertShape(
        id=held.id,
        work_order=held.work_order,
        instrument=held.instrument,
        organization=held.organization,
        medium=held.medium,
        recipient=shown_recipient(held),
        subject=held.subject,
        body=held.body,
        created=rfc3339(held.created_ns),
        sent=_when(held.sent_ns),
        attempts=held.attempts,
        outcome=held.outcome,
    )


def refused(held: Refused) -> shapes.QuarantineShape:
    """Return the shape of a refused message."""
    return shapes.QuarantineShape(
        id=held.index,
        at=rfc3339(held.received_ns),
        gateway=held.gateway,
        topic=held.topic,
        reason=held.reason,
        size=held.size,
    )

"""The ledger's metrics: names, labels and buckets as promised to those who build dashboards on them.

Prefix ``ledger_``, base units, bounded labels. No label names a controller or a subject: the first would tell
every reader of a dashboard who the customers are, the second is personal data.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, start_http_server

__all__ = [
    "ACKNOWLEDGEMENTS",
    "APPEND_DURATION",
    "BATCH_DURATION",
    "DECISIONS",
    "DECISION_DURATION",
    "ERASURES_DUE",
    "ERASURES_OVERDUE",
    "EVENTS_APPENDED",
    "EVENTS_APPLIED",
    "EVENTS_DUPLICATE",
    "EVIDENCE_LOST",
    "EVIDENCE_RECORDS",
    "EVIDENCE_WAIT",
    "HTTP_REQUESTS",
    "HTTP_REQUEST_DURATION",
    "LATE_PROTECTIVE_ACTS",
    "ORDERS_OVERDUE",
    "ORDERS_SENT",
    "ORDERS_VERIFIED",
    "PARTITIONS_OWNED",
    "PROJECTION_LAG_EVENTS",
    "PROJECTION_LAG_SECONDS",
    "PROJECTION_READY",
    "PROJECTION_REFUSED",
    "QUARANTINE_ENTRIES",
    "QUARANTINE_OPEN",
    "QUARANTINE_RESOLUTIONS",
    "REACTION_HEARTBEATS",
    "REACTION_HEARTBEAT_AT",
    "RECORDS_UNATTRIBUTABLE",
    "serve",
]

SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""One set of buckets for every duration, so that layers can be compared (seconds)."""

EVENTS_APPENDED: Final = Counter(
    "ledger_events_appended_total",
    "Events that the log acknowledged, or gave up on",
    ["event_type", "outcome"],
)
APPEND_DURATION: Final = Histogram(
    "ledger_append_duration_seconds",
    "From encoding an event to the acknowledgement of the log",
    ["event_type"],
    buckets=SECONDS_BUCKETS,
)
EVENTS_APPLIED: Final = Counter(
    "ledger_events_applied_total",
    "Events that a projection has committed",
    ["projection", "event_type"],
)
EVENTS_DUPLICATE: Final = Counter(
    "ledger_events_duplicate_total",
    "Records that repeat an event already counted",
    ["projection"],
)
BATCH_DURATION: Final = Histogram(
    "ledger_projection_batch_duration_seconds",
    "One transaction of a projection, from its first statement to the commit",
    ["projection"],
    buckets=SECONDS_BUCKETS,
)
PROJECTION_LAG_EVENTS: Final = Gauge(
    "ledger_projection_lag_events",
    "Records between the position and the end of the partition",
    ["projection", "partition"],
)
PROJECTION_LAG_SECONDS: Final = Gauge(
    "ledger_projection_lag_seconds",
    "Age of the newest moment up to which the partition is known to be folded",
    ["projection", "partition"],
)
PROJECTION_READY: Final = Gauge(
    "ledger_projection_ready",
    "1 once the projection has joined its group and takes records",
    ["projection"],
)
PROJECTION_REFUSED: Final = Gauge(
    "ledger_projection_partitions_refused",
    "Partitions whose log is not the one that was folded so far; their subjects are denied",
    ["projection", "code"],
)
PARTITIONS_OWNED: Final = Gauge(
    "ledger_projection_partitions_owned",
    "Partitions that this worker owns, of all lanes",
    ["projection"],
)
RECORDS_UNATTRIBUTABLE: Final = Counter(
    "ledger_records_unattributable_total",
    "Records set aside that name no subject, so that nobody is denied by them: one may be a withdrawal",
)
LATE_PROTECTIVE_ACTS: Final = Counter(
    "ledger_late_protective_acts_total",
    "Noes recorded under the id of somebody who was erased: the caller must forget the id, and name the person anew",
)
ERASURES_DUE: Final = Gauge(
    "ledger_erasures_due",
    "Open rights requests that the last round of the erasure worker looked at",
)
ERASURES_OVERDUE: Final = Counter(
    "ledger_erasures_overdue_total",
    "Rights requests that became overdue: a holder is silent, or the day on which the person is owed an answer has passed",
)
EVIDENCE_RECORDS: Final = Counter(
    "ledger_evidence_records_total",
    "Records of evidence topics, by what became of them",
    ["outcome"],
)
EVIDENCE_LOST: Final = Counter(
    "ledger_evidence_lost_total",
    "Records of evidence that the retention of their topic deleted before they were read",
)
EVIDENCE_WAIT: Final = Gauge(
    "ledger_evidence_wait_seconds",
    "Age of the oldest evidence in the last fetch; above half the retention of 30 days, evidence is about to be lost",
)
REACTION_HEARTBEATS: Final = Counter(
    "ledger_reactions_heartbeats_total",
    "Heartbeats of the timer that the agent has taken",
)
REACTION_HEARTBEAT_AT: Final = Gauge(
    "ledger_reactions_heartbeat_timestamp_seconds",
    "When the last heartbeat was taken",
)
QUARANTINE_ENTRIES: Final = Counter(
    "ledger_quarantine_entries_total",
    "Records that could not be applied",
    ["source", "reason"],
)
QUARANTINE_OPEN: Final = Gauge(
    "ledger_quarantine_entries_open",
    "Records that could not be applied and that nobody has admitted or discarded yet",
    ["source", "reason"],
)
QUARANTINE_RESOLUTIONS: Final = Counter(
    "ledger_quarantine_resolutions_total",
    "Events that admit or discard a record in doubt, by what they came to",
    ["source", "outcome"],
)
DECISIONS: Final = Counter(
    "ledger_decisions_total",
    "Answers to checks",
    ["outcome", "reason"],
)
DECISION_DURATION: Final = Histogram(
    "ledger_decision_duration_seconds",
    "One request for decisions; at_position includes the wait for a position",
    ["consistency"],
    buckets=SECONDS_BUCKETS,
)
HTTP_REQUESTS: Final = Counter(
    "ledger_http_requests_total",
    "Requests answered, by route template",
    ["route", "method", "status_class"],
)
HTTP_REQUEST_DURATION: Final = Histogram(
    "ledger_http_request_duration_seconds",
    "Time to answer a request, by route template",
    ["route", "method"],
    buckets=SECONDS_BUCKETS,
)
ORDERS_SENT: Final = Counter(
    "ledger_erasure_orders_sent_total",
    "Orders to holders, by whether they went out for the first time, again, or could not be sent",
    ["outcome"],
)
ORDERS_OVERDUE: Final = Counter(
    "ledger_erasure_orders_overdue_total",
    "Orders whose day has passed without an answer as good as the catalogue demands",
)
ORDERS_VERIFIED: Final = Counter(
    "ledger_erasure_orders_verified_total",
    "Orders whose topic was scanned: clean, not yet clean, or not readable",
    ["outcome"],
)
ACKNOWLEDGEMENTS: Final = Counter(
    "ledger_erasure_acknowledgements_total",
    "Answers of holders: taken, repeated, or the code by which they were refused",
    ["outcome"],
)


def serve(port: int) -> None:
    """Serve ``/metrics`` of this process on the loopback address, from a daemon thread, until the process ends."""
    start_http_server(port, addr="127.0.0.1")

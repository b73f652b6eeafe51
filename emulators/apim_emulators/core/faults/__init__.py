"""Faults: what a component does wrong because somebody asked it to.

A fault has a name, a target (an actor) and a scope: calls, a time, a tenant, a gateway, a path. It
acts where clients connect (`wire.py`, `edge.py`), where its target's requests arrive (`FaultGate`), or
where the target asks for it (`ActorFaults.ask`). Every firing is journalled, so that a fault that never
fired can be seen. One fault is one small file in `connection/`, `transport/` or `meaning/`;
`transport/none.py` is the one to begin a new one with, as docs/faults.md shows.
"""

from apim_emulators.core.faults.actor import ActorFaults, Asks, NoFaults
from apim_emulators.core.faults.connection.connection_refused import ConnectionRefused
from apim_emulators.core.faults.connection.name_unknown import NameUnknown
from apim_emulators.core.faults.connection.plain_http import PlainHttp
from apim_emulators.core.faults.connection.unreachable import Unreachable
from apim_emulators.core.faults.connection.wrong_certificate import WrongCertificate
from apim_emulators.core.faults.gate import FaultGate
from apim_emulators.core.faults.meaning.corrupt_backup import CorruptBackup
from apim_emulators.core.faults.meaning.corrupt_snapshot import CorruptSnapshot
from apim_emulators.core.faults.meaning.discovery_field_missing import DiscoveryFieldMissing
from apim_emulators.core.faults.meaning.dropped_kid import DroppedKid
from apim_emulators.core.faults.meaning.egress_cut import EgressCut
from apim_emulators.core.faults.meaning.entra_transient import EntraTransient
from apim_emulators.core.faults.meaning.feed_compacted import FeedCompacted
from apim_emulators.core.faults.meaning.heartbeats_lost import HeartbeatsLost
from apim_emulators.core.faults.meaning.key_rotation import KeyRotation
from apim_emulators.core.faults.meaning.key_without_use import KeyWithoutUse
from apim_emulators.core.faults.meaning.killed import Killed
from apim_emulators.core.faults.meaning.loop_detection import LoopDetection
from apim_emulators.core.faults.meaning.propagation_delay import PropagationDelay
from apim_emulators.core.faults.meaning.renewal_fails import RenewalFails
from apim_emulators.core.faults.meaning.revoked_role import RevokedRole
from apim_emulators.core.faults.meaning.skewed_clock import SkewedClock
from apim_emulators.core.faults.meaning.slow_start import SlowStart
from apim_emulators.core.faults.meaning.stale_authorization import StaleAuthorization
from apim_emulators.core.faults.meaning.stale_configuration import StaleConfiguration
from apim_emulators.core.faults.meaning.stale_jwks import StaleJwks
from apim_emulators.core.faults.meaning.token_answer import TokenAnswer
from apim_emulators.core.faults.meaning.too_many_requests import TooManyRequests
from apim_emulators.core.faults.meaning.unwritable_backup import UnwritableBackup
from apim_emulators.core.faults.meaning.webhook_denies import WebhookDenies
from apim_emulators.core.faults.meaning.wrong_instance import WrongInstance
from apim_emulators.core.faults.meaning.wrong_issuer import WrongIssuer
from apim_emulators.core.faults.model import (
    ConnectionFault,
    Exchange,
    Fault,
    FaultError,
    MeaningFault,
    TransportFault,
)
from apim_emulators.core.faults.plan import Faults, Planned, read_planned
from apim_emulators.core.faults.registry import (
    BEHAVIOURS,
    REGISTRY,
    Argument,
    arguments_of,
    known,
    make_fault,
    register,
    told,
)
from apim_emulators.core.faults.scope import Calls, Facts, Scope
from apim_emulators.core.faults.transport.empty_body import EmptyBody
from apim_emulators.core.faults.transport.html_page import HtmlPage
from apim_emulators.core.faults.transport.latency import Latency
from apim_emulators.core.faults.transport.malformed_json import MalformedJson
from apim_emulators.core.faults.transport.no_answer import NoAnswer
from apim_emulators.core.faults.transport.none import NoFault
from apim_emulators.core.faults.transport.reset import Reset
from apim_emulators.core.faults.transport.slow_body import SlowBody
from apim_emulators.core.faults.transport.status import Status
from apim_emulators.core.faults.transport.truncated_body import TruncatedBody

__all__ = [
    "BEHAVIOURS",
    "REGISTRY",
    "ActorFaults",
    "Argument",
    "Asks",
    "Calls",
    "ConnectionFault",
    "ConnectionRefused",
    "CorruptBackup",
    "CorruptSnapshot",
    "DiscoveryFieldMissing",
    "DroppedKid",
    "EgressCut",
    "EmptyBody",
    "EntraTransient",
    "Exchange",
    "Facts",
    "Fault",
    "FaultError",
    "FaultGate",
    "Faults",
    "FeedCompacted",
    "HeartbeatsLost",
    "HtmlPage",
    "KeyRotation",
    "KeyWithoutUse",
    "Killed",
    "Latency",
    "LoopDetection",
    "MalformedJson",
    "MeaningFault",
    "NameUnknown",
    "NoAnswer",
    "NoFault",
    "NoFaults",
    "PlainHttp",
    "Planned",
    "PropagationDelay",
    "RenewalFails",
    "Reset",
    "RevokedRole",
    "Scope",
    "SkewedClock",
    "SlowBody",
    "SlowStart",
    "StaleAuthorization",
    "StaleConfiguration",
    "StaleJwks",
    "Status",
    "TokenAnswer",
    "TooManyRequests",
    "TransportFault",
    "TruncatedBody",
    "Unreachable",
    "UnwritableBackup",
    "WebhookDenies",
    "WrongCertificate",
    "WrongInstance",
    "WrongIssuer",
    "arguments_of",
    "known",
    "make_fault",
    "read_planned",
    "register",
    "told",
]

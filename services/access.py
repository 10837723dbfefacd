"""Who may touch which topic: the users of an installation and their rights, as data.

Six users run the parts, so that no single credential reaches everything: the intermediate server, the network, the
resident register, the witnesses, the health support system, the vaccination record system. Each attached institution
has one user, bound to its own prefix, and one for its tablets, which reaches nothing but the doses they read; staff
tools have one for decisions.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.embedded.admin import Acl
from schemas.codec import TOPIC
from schemas.records import (
    CopySubmitted,
    HealthItemEntered,
    HealthReported,
    IdentityNotified,
    InquiryRejected,
    InquiryRequested,
    OperatingStateNotified,
    VrsDoseRead,
    VrsDoseTaken,
    VrsInquired,
    VrsReplied,
)
from services import network, resident_register, witness
from services.health_support import service as health_support
from services.vrs import service as vrs

INTERMEDIATE_SERVER = "intermediate-server"
NETWORK = "network"
REGISTER = "resident-register"
HEALTH = "health-support"
VRS = "vrs"
WITNESS = "witness"
OPERATIONS = "operations"
SIMULATED = "simulated-institutions"

NETWORK_SAYS = ("network.", "records.", "timers.permit_deadline_passed", "timers.acquisition_deadline_passed")
REGISTER_SAYS = ("juki.identity_confirmed", "juki.identity_unknown")
INTERMEDIATE_SAYS = (
    "institution.",
    "inquiry.",
    "provision.",
    "provision_log.",
    "code_management.",
    "timers.",
    "records.",
    "network.permission_list_distributed",
)
INTERMEDIATE_HEARS = (
    "institution.",
    "inquiry.",
    "provision.",
    "network.",
    "operations.",
    "timers.",
    "records.",
    "witness.",
)
NETWORK_HEARS = (
    "inquiry.permit_requested",
    "inquiry.inquiry_sent",
    "provision.provision_reported",
    "code_management.",
    "juki.identity_",
    "timers.permit_deadline_passed",
    "timers.acquisition_deadline_passed",
)

HEALTH_HEARS = ("health.", "health_support.")
VRS_HEARS = ("vrs.", "tablet.", "timers.vrs_")

SERVICE_USER = {
    network.NAME: NETWORK,
    resident_register.NAME: REGISTER,
    witness.NAME: WITNESS,
    health_support.NAME: HEALTH,
    vrs.NAME: VRS,
}


def user_of(service: str) -> str:
    """The Kafka user a service runs as."""
    return SERVICE_USER.get(service, INTERMEDIATE_SERVER)


def read(user: str, names: Sequence[str]) -> list[Acl]:
    """May read what begins with these names."""
    return [Acl(user, "topic", "prefixed", name, ("read", "describe")) for name in names]


def write(user: str, names: Sequence[str]) -> list[Acl]:
    """May write what begins with these names."""
    return [Acl(user, "topic", "prefixed", name, ("write", "describe")) for name in names]


def institution_rights(user: str, owner: str) -> list[Acl]:
    """An institution says on its own request topics and hears on its own reply topics; nothing else."""
    kinds = (InquiryRequested, CopySubmitted, HealthItemEntered, VrsInquired, VrsDoseRead)
    said = [topic_of(kind, owner) for kind in kinds]
    heard = [topic_of(kind, owner) for kind in (HealthReported, VrsReplied, VrsDoseTaken)]
    said += [f"institution.{owner}.codes", topic_of(IdentityNotified, owner)]
    return [
        *(Acl(user, "topic", "literal", name, ("write", "describe")) for name in said),
        *(Acl(user, "topic", "literal", name, ("read", "describe")) for name in heard),
        Acl(user, "topic", "literal", f"institution.{owner}.replies", ("read", "describe")),
        Acl(user, "group", "prefixed", f"institution.{owner}.", ("read", "describe")),
    ]


def tablet_rights(user: str, owner: str) -> list[Acl]:
    """A venue's tablets say what they read and hear whether it was taken in: no topic of theirs carries a number."""
    return [
        Acl(user, "topic", "literal", topic_of(VrsDoseRead, owner), ("write", "describe")),
        Acl(user, "topic", "literal", topic_of(VrsDoseTaken, owner), ("read", "describe")),
        Acl(user, "group", "prefixed", f"tablet.{owner}.", ("read", "describe")),
    ]


def city_rights(owner: str) -> list[Acl]:
    """What the two city systems say to an institution, and the sub-copies that health support sends as its own."""
    said = ((HEALTH, HealthReported), (HEALTH, CopySubmitted), (VRS, VrsReplied), (VRS, VrsDoseTaken))
    return [Acl(user, "topic", "literal", topic_of(kind, owner), ("write", "describe")) for user, kind in said]


def topic_of(kind: type[object], owner: str) -> str:
    """A message's topic of one institution."""
    head, _, rest = TOPIC[kind].partition("{")
    return head + owner + rest[rest.index("}") + 1 :]


def rights(institutions: Sequence[str]) -> list[Acl]:
    """Every right of an installation with these attached institutions."""
    found = [
        *read(INTERMEDIATE_SERVER, INTERMEDIATE_HEARS),
        *write(INTERMEDIATE_SERVER, INTERMEDIATE_SAYS),
        *read(NETWORK, NETWORK_HEARS),
        *write(NETWORK, NETWORK_SAYS),
        *read(REGISTER, ("juki.",)),
        *write(REGISTER, REGISTER_SAYS),
        *read(WITNESS, ("provision_log.",)),
        *write(WITNESS, ("witness.",)),
        *write(OPERATIONS, ("operations.", "network.permission_list_distributed")),
        *read(HEALTH, HEALTH_HEARS),
        *write(HEALTH, ("health_support.",)),
        *read(VRS, VRS_HEARS),
        *write(VRS, ("timers.vrs_",)),
        *city_rights("shared"),
        *institution_rights(SIMULATED, "shared"),
        Acl(OPERATIONS, "topic", "literal", topic_of(OperatingStateNotified, "shared"), ("write", "describe")),
    ]
    parts = (INTERMEDIATE_SERVER, NETWORK, REGISTER, WITNESS, HEALTH, VRS)
    found += [Acl(user, "group", "prefixed", "chukan.", ("read", "describe")) for user in parts]
    for code in institutions:
        found += city_rights(code)
        found += tablet_rights(tablet_user(code), code)
        found += institution_rights(institution_user(code), code)
        # Whoever sets a message aside tells its sender why, the register and the city systems too.
        for part in (REGISTER, HEALTH, VRS):
            found.append(Acl(part, "topic", "literal", topic_of(InquiryRejected, code), ("write", "describe")))
        found.append(Acl(OPERATIONS, "topic", "literal", topic_of(OperatingStateNotified, code), ("write", "describe")))
    return found


def institution_user(institution_code: str) -> str:
    """The Kafka user of an attached institution."""
    return f"institution-{institution_code}"


def tablet_user(institution_code: str) -> str:
    """The Kafka user of an attached institution's tablets."""
    return f"vrs-tablet-{institution_code}"


def users(institutions: Sequence[str]) -> list[str]:
    """Every user of an installation with these attached institutions."""
    parts = [INTERMEDIATE_SERVER, NETWORK, REGISTER, WITNESS, HEALTH, VRS, OPERATIONS, SIMULATED]
    return [*parts, *(user(code) for code in institutions for user in (institution_user, tablet_user))]

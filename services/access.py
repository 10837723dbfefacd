"""Who may touch which topic: the users of an installation and their rights, as data.

Four users run the parts, so that no single credential reaches everything: the intermediate server, the network, the
resident register, the witnesses. Each attached institution has one user, bound to its own prefix; staff tools have one
for decisions.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.embedded.admin import Acl
from schemas.codec import TOPIC
from schemas.records import CopySubmitted, IdentityNotified, InquiryRejected, InquiryRequested, OperatingStateNotified
from services import network, resident_register, witness

INTERMEDIATE_SERVER = "intermediate-server"
NETWORK = "network"
REGISTER = "resident-register"
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

SERVICE_USER = {network.NAME: NETWORK, resident_register.NAME: REGISTER, witness.NAME: WITNESS}


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
    """An institution says on its own request topics and hears on its own reply topic; nothing else."""
    said = [topic_of(kind, owner) for kind in (InquiryRequested, CopySubmitted)]
    said += [f"institution.{owner}.codes", topic_of(IdentityNotified, owner)]
    return [
        *(Acl(user, "topic", "literal", name, ("write", "describe")) for name in said),
        Acl(user, "topic", "literal", f"institution.{owner}.replies", ("read", "describe")),
        Acl(user, "group", "prefixed", f"institution.{owner}.", ("read", "describe")),
    ]


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
        *institution_rights(SIMULATED, "shared"),
        Acl(OPERATIONS, "topic", "literal", topic_of(OperatingStateNotified, "shared"), ("write", "describe")),
    ]
    parts = (INTERMEDIATE_SERVER, NETWORK, REGISTER, WITNESS)
    found += [Acl(user, "group", "prefixed", "chukan.", ("read", "describe")) for user in parts]
    for code in institutions:
        found += institution_rights(institution_user(code), code)
        found.append(Acl(OPERATIONS, "topic", "literal", topic_of(OperatingStateNotified, code), ("write", "describe")))
        # Whoever sets a message aside tells its sender why, the register too.
        found.append(Acl(REGISTER, "topic", "literal", topic_of(InquiryRejected, code), ("write", "describe")))
    return found


def institution_user(institution_code: str) -> str:
    """The Kafka user of an attached institution."""
    return f"institution-{institution_code}"


def users(institutions: Sequence[str]) -> list[str]:
    """Every user of an installation with these attached institutions."""
    parts = [INTERMEDIATE_SERVER, NETWORK, REGISTER, WITNESS, OPERATIONS, SIMULATED]
    return [*parts, *(institution_user(code) for code in institutions)]

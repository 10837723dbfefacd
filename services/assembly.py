"""All services of an installation, put together from its keys. Adapters are not known here."""

from __future__ import annotations

from broker.keys import Keys, Sealer
from broker.ports import Randomness
from broker.rules.permits import Verifier
from broker.service import Service
from services import code_management, copies, inquiry, network, provision, provision_log, resident_register
from services.lists import Lists
from services.network import Network, NetworkKeys
from services.provision import Provider

NAMES = (
    code_management.NAME,
    resident_register.NAME,
    copies.NAME,
    inquiry.NAME,
    network.NAME,
    provision.NAME,
    provision_log.NAME,
)


def assemble(keys: Keys, randomness: Randomness) -> dict[str, Service]:
    """The services by name, in the order a message meets them."""
    core = Network(NetworkKeys(keys.network_signing, keys.network_codes), Lists(), randomness.bytes)
    provider = Provider(Verifier(keys.network_public), Lists(), Sealer(randomness), keys.salts, randomness.bytes)
    found = (
        code_management.SERVICE,
        resident_register.service(keys.register),
        copies.SERVICE,
        inquiry.service(randomness.bytes),
        core.service(),
        provider.service(),
        provision_log.service(keys.institutions.sign_checkpoint),
    )
    return {service.name: service for service in found}

"""All services of an installation, put together from its keys. Adapters are not known here."""

from __future__ import annotations

from broker.config import Config
from broker.keys import Keys, Sealer
from broker.ports import Randomness
from broker.rules.permits import Verifier
from broker.service import Service
from services import code_management, copies, inquiry, network, provision, provision_log, resident_register, witness
from services.common import CHECKPOINTS_A_SECOND, Terms
from services.health_support import service as health_support
from services.lists import Lists
from services.network import Network, NetworkKeys
from services.provision import Provider, Seal
from services.vrs import service as vrs
from services.vrs.service import Vrs
from services.world import HEALTH_KINDS

NAMES = (
    code_management.NAME,
    resident_register.NAME,
    copies.NAME,
    inquiry.NAME,
    network.NAME,
    provision.NAME,
    provision_log.NAME,
    witness.NAME,
    health_support.NAME,
    vrs.NAME,
)


def terms_of(config: Config, institutions: int) -> Terms:
    """The settings about evidence. So many institutions that their logs would sign too often wait longer."""
    longest = max(config.checkpoint_seconds, institutions / CHECKPOINTS_A_SECOND)
    return Terms(int(longest * 1000), int(config.cosigned_within_seconds * 1000))


def assemble(
    keys: Keys,
    randomness: Randomness,
    terms: Terms = Terms(),  # noqa: B008 - frozen
    seal: Seal | None = None,
) -> dict[str, Service]:
    """The services by name, in the order a message meets them. seal: what seals answers, when it is not chance."""
    draw = randomness.bytes
    core = Network(NetworkKeys(keys.network_signing, keys.network_codes), Lists(), draw)
    verifier, within = Verifier(keys.network_public), terms.cosigned_within_ms
    provider = Provider(verifier, Lists(), seal or Sealer(randomness), keys.salts, draw, within)
    found = (
        code_management.SERVICE,
        resident_register.service(keys.register),
        copies.SERVICE,
        inquiry.service(randomness.bytes),
        core.service(),
        provider.service(),
        provision_log.service(keys.institutions.sign_checkpoint, terms),
        witness.service(keys.institutions.cosign),
        health_support.service(copies.BATCH_CAP, HEALTH_KINDS),
        Vrs(keys.vrs).service(),
    )
    return {service.name: service for service in found}

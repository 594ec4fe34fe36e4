"""The key that a device registers for a session, as the store keeps it: written once, never for one that has ended."""

import structlog

from proxy.errors import SealBroken
from proxy.model.binding import DeviceKey
from proxy.model.session import SessionReference
from proxy.sealing import Sealer
from proxy.sessions import record as records
from proxy.store.port import Place, Record, SessionStore

_log = structlog.get_logger("sessions")


async def register(
    store: SessionStore, sealer: Sealer, reference: SessionReference, organization: str, device: DeviceKey
) -> bool:
    """Bind a session to a device; False where it is bound or is no more. Raises StoreUnavailable."""
    place = Place(reference.tag, reference.id_hash)
    found = await store.read(place, ())
    if not isinstance(found, Record) or found.organization != organization:
        return False
    return await store.amend(place, records.DEVICE, records.seal_device(device, place, sealer))


async def device_of(
    store: SessionStore, sealer: Sealer, reference: SessionReference, organization: str
) -> DeviceKey | None:
    """The device that a live session is bound to; None where there is none. Raises StoreUnavailable."""
    place = Place(reference.tag, reference.id_hash)
    found = await store.read(place, (records.DEVICE,))
    if not isinstance(found, Record) or found.organization != organization:
        return None
    try:
        return records.unseal_device(found, place, sealer)
    except SealBroken as error:
        _log.warning("session_seal_broken", organization=organization, error=str(error))
        return None

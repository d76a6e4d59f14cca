"""What webhooks hear of: everything that has a name in the dialect; apps that are to be installed; their own pauses."""

from commerce.outbox import EventRecord, subscribe, subscribe_batch
from commerce.webhooks import owners
from commerce.webhooks.fan_out import FanOut
from commerce.webhooks.tasks import install_app, wake
from tenants.operations import ORDERED

subscribe_batch("*", FanOut(wake))


def _install(event: EventRecord) -> None:
    install_app.apply_async(kwargs={"tenant_id": event.tenant_id, "installation_id": str(event.object_id)}, retry=False)


subscribe(ORDERED, _install)
subscribe("webhooks.webhook.paused", owners.order)

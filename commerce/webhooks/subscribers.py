"""What webhooks hear of: everything that has a name in the dialect."""

from commerce.outbox import subscribe_batch
from commerce.webhooks.fan_out import FanOut
from commerce.webhooks.tasks import wake

subscribe_batch("*", FanOut(wake))

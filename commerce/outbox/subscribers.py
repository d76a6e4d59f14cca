"""What the outbox itself hears of."""

from commerce.outbox import debts
from commerce.outbox.registry import subscribe

subscribe(debts.TYPE, debts.pay)

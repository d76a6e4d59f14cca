"""Carts, orders, allocation, shipping, payments, fulfilment and returns."""

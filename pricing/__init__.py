"""Scheduled prices, price lists, promotions, vouchers, gift cards and taxes; writes down to catalog's listing rows."""

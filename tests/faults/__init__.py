"""Servers that die, hang, fall behind and are promoted, under load, on stacks of their own."""

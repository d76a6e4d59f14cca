"""The local stack: what production has, without Docker and without root rights.

`python -m commerce.stack up` starts it; see `__main__.py` for the commands. Nothing here imports Django.
"""

"""The chips of virtual boards: TOML descriptions, peripheral models, and what joins them.

``build_chip`` is the way in. Below stand the core and the bus; above, the debug port and the probe.
"""

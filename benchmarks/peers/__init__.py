"""The hosts that are compared.

`wire`, `onchip_peer` and `pyocd_peer` run in the hosts' own processes.
"""

"""The firmware of a CMSIS-DAP probe, as Arm's reference behaves.

Above: the probe's USB side, which hands in packets. Below: the target's debug port.
"""

"""Registers and constants as Arm's manuals spell them: no behaviour, no I/O.

Both ends of the wire stand on this package: the debugger above it and the virtual board beside it.
"""

"""The same path as the debugger's, from the chip's side: a board that cannot be told from silicon.

Inside, from above: board > probe > dap > coresight > target > cortex_m > (bus | timeline | faults).
Nothing here knows the debugger; ``arch``, ``wire`` and ``errors`` are shared with it.
"""

"""Moves packets to a probe and back: the debugger's only I/O besides services and the terminal.

Below stands ``wire``; above, ``dap`` gives the packets their meaning.
"""

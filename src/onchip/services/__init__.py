"""The faces that serve other programs: GDB, and hosts that want a virtual board.

Each is a thin client of one session; sockets, threads and the clock on the wall are allowed here.
Below stands `onchip.session`, above only the command line.
"""

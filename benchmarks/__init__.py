"""Compares onchip with other hosts, unmodified, on the same virtual boards: ``make bench``.

Every host runs in a process of its own and reaches the board through a stand-in for its USB library
(`counted_board`). The board's time is simulated: it moves with the packets and while the host says
that it waits or sleeps, so packets, round trips and times are the same in every run. What a host
computes costs no simulated time; its processor time is measured beside it.
"""

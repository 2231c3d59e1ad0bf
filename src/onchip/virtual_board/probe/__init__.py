"""A probe on its USB cable: models (data), the time its packets take, and the link to it.

Above: the board. Below: the probe's firmware.
"""

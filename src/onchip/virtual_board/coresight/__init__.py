"""The chip's debug port and access ports.

Above: the probe's firmware, which drives SWCLK and SWDIO. Below: the chip's bus and core.
"""

"""Pure codecs: bytes to messages and back, for both ends of each protocol.

Below stand ``arch`` and ``errors``; above, ``probe`` and the virtual board. Nothing here touches a
socket or a clock, and the only error is ``WireError``.
"""

"""The names that scripts of the classic, camelCase pyOCD use, served by onchip.

A facade: every call is handed to `onchip.session` or to a service, and no decision is taken here.
"""

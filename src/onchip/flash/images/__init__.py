"""Firmware images: bytes and where they go, out of the files that toolchains write."""

"""Sequences of chip families that are no data. Each module names its family and its manual."""

"""Tracepoints: what is collected, when, and how a client sees it afterwards."""

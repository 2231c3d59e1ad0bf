"""Requests and the functions that serve them, one module for each family of packets."""

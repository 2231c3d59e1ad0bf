"""Executes instructions with Unicorn. Nothing outside this folder knows Unicorn and its edges."""

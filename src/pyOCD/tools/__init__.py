"""The console scripts of the classic API."""

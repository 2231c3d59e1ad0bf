"""Small helpers that scripts import."""

"""What has to be erased and programmed, and in which order; what is refused before that."""

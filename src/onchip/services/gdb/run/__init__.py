"""What makes the core run, and what its halts are told as."""

"""GDB's agent expressions, and the conditions and commands of breakpoints that are made of them."""

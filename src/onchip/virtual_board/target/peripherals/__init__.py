"""Models of peripherals, one block or a few small ones to a module, grouped by vendor prefix."""

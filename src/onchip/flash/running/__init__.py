"""Functions of an algorithm run on the target: fed through a ring, or called one by one."""

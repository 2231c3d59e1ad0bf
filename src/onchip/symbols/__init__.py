"""What a toolchain says about a program. Below stands ``cortex_m``; above stands ``flash``."""

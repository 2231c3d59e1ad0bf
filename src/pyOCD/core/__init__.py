"""Where versions from 0.9 on keep `Target` and `MemoryMap`; they live in `pyOCD.target`."""

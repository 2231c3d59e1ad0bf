"""Debug and program Arm Cortex-M microcontrollers through CMSIS-DAP probes, real or virtual."""

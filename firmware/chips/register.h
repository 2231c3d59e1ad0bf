#pragma once

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

// SysTick, for the chips that have it.
#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)

static inline void systick_open(uint32_t clock_hz)
{
    SYST_RVR = clock_hz / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; // CLKSOURCE, TICKINT, ENABLE
}

// Milliseconds, counted by an interrupt.
#pragma once

#include <stdint.h>

extern volatile uint32_t milliseconds;

void tick_start(void);

// Sleep until `ms` milliseconds have passed since the last call returned.
void tick_wait(uint32_t ms);

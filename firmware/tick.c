#include "tick.h"

#include CHIP_HEADER

volatile uint32_t milliseconds;

void tick_start(void)
{
    ticker_open();
}

void tick_wait(uint32_t ms)
{
    static uint32_t due;

    due += ms;
    while ((int32_t)(due - milliseconds) > 0)
        __asm volatile("wfi");
}

void Tick_Handler(void)
{
    ticker_acknowledge();
    milliseconds = milliseconds + 1;
}

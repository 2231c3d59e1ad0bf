/* Runs a random program (see tests/support/random_thumb.py) with its handlers enabled. */
#include "cortex.h"

void random_main(void);

int main(void)
{
    set_irq_priority(0, 0x80);
    set_irq_priority(1, 0x40);
    SHPR3 = 0xC0u << 16;
    NVIC_ISER = 3;
#if __ARM_ARCH >= 7
    SHCSR = 7 << 16;
#endif
#ifdef __ARM_FP
    *(volatile unsigned *)0xE000EF3C = 2u << 22; /* FPDSCR: new contexts round towards minus infinity */
#endif
    random_main();
    return 0;
}

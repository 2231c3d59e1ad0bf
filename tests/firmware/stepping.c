/* What is hard to step: sleep, a program's own breakpoint, IT blocks, exceptions, a long loop. */
#include "cortex.h"

volatile uint32_t ticks, calls, result, turns = 1000;

void SysTick_Handler(void) { ticks++; /* tick */ }

void SVC_Handler(void)
{
    calls++; /* in svc */
}

__attribute__((noinline)) void sleep(void)
{
    __asm volatile("wfi"); /* wfi */
    result = 1;            /* awake */
}

__attribute__((noinline)) void stop(void)
{
    __asm volatile("bkpt 0x11"); /* bkpt */
    result = 2;                  /* passed */
}

__attribute__((noinline, naked)) uint32_t choose(__attribute__((unused)) uint32_t value)
{
    __asm volatile("cmp r0, #5\n"
                   "ittee gt\n"
                   "movgt r0, #1\n"
                   "addgt r0, #10\n"
                   "movle r0, #2\n"
                   "addle r0, #20\n"
                   "bx lr\n");
}

__attribute__((noinline)) void supervise(void)
{
    __asm volatile("svc 3"); /* svc */
    result = 3;              /* supervised */
}

__attribute__((noinline)) uint32_t loop(void)
{
    uint32_t sum = 0;
    uint32_t left = turns;
    __asm volatile("1: add %0, %1\n subs %1, #1\n bne 1b" : "+r"(sum), "+r"(left)); /* loop */
    return sum; /* summed */
}

int main(void)
{
    SYST_RVR = 2000;
    SYST_CVR = 0;
    SYST_CSR = 7;
    for (;;) {
        sleep();             /* sleeping */
        result = choose(7);  /* chosen */
        supervise();         /* supervising */
        result = loop();     /* looping */
        stop();              /* stopping */
    }
}

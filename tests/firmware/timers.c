/* SysTick and external interrupts against a main loop that does FP or integer work: everything
 * that could make results depend on how the run is sliced. */
#include "cortex.h"

volatile uint32_t ticks, irqs, masked, work;
#ifdef __ARM_FP
volatile float accumulator = 1.0f;
#endif

void SysTick_Handler(void)
{
    ticks++;
    if (ticks % 3 == 0)
        NVIC_ISPR = 1u << (ticks % 2);
#ifdef __ARM_FP
    accumulator = accumulator * 0.5f + (float)ticks;
#endif
}

void IRQ0_Handler(void)
{
    irqs++;
    for (volatile int i = 0; i < 20; i++)
        work ^= ticks << i;
    ICSR = PENDSVSET;
}

void IRQ1_Handler(void) { irqs += 0x100; NVIC_ISPR = 1; }
void PendSV_Handler(void) { work = work * 1664525 + SYST_CVR; }
void SVC_Handler(void) { work += ipsr(); }

int main(void)
{
    set_irq_priority(0, 0x40);
    set_irq_priority(1, 0x80);
    SHPR3 = 0x80u << 24 | 0xC0u << 16;
    NVIC_ISER = 3;
    SYST_RVR = 1234;
    SYST_CVR = 0;
    SYST_CSR = 7;
    uint32_t n = 0;
    while (ticks < 60) {
        n++;
        if (n % 7 == 0) {
            disable_interrupts();
            for (volatile int i = 0; i < (int)(n % 97); i++)
                masked++;
            enable_interrupts();
        }
        if (n % 11 == 0)
            __asm volatile("svc 1" ::: "memory");
        if (n % 29 == 0)
            __asm volatile("wfi");
        work += n & 1 ? work >> 3 : ticks;
#ifdef __ARM_FP
        accumulator += 0.125f;
#endif
    }
    note(n);
    note(work);
    note(masked);
    note(irqs);
    return 0;
}

/* Start-up code: vector table, .data, .bss, FPU, main; every handler can be replaced. */
#include "cortex.h"

extern uint32_t data_load[], data_begin[], data_end[], bss_begin[], bss_end[], stack_top[];
int main(void);

volatile uint32_t log_count;
volatile uint32_t log_entries[LOG_SIZE];

__attribute__((naked, noinline)) void finished(void)
{
    __asm volatile("finished_here: bkpt 0x42\n b finished_here");
}

void Default_Handler(void)
{
    note(0xDEAD0000 | ipsr());
    finished();
}

__attribute__((noreturn)) void Reset_Handler(void)
{
    uint32_t *from = data_load;
    for (uint32_t *to = data_begin; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_begin; to < bss_end;)
        *to++ = 0;
#ifdef __ARM_FP
    CPACR |= 0xF << 20;
    barrier();
#endif
    main();
    finished();
    for (;;)
        ;
}

#define WEAK(name) void name(void) __attribute__((weak, alias("Default_Handler")));
WEAK(NMI_Handler) WEAK(HardFault_Handler) WEAK(MemManage_Handler) WEAK(BusFault_Handler)
WEAK(UsageFault_Handler) WEAK(SVC_Handler) WEAK(DebugMon_Handler) WEAK(PendSV_Handler)
WEAK(SysTick_Handler) WEAK(IRQ0_Handler) WEAK(IRQ1_Handler) WEAK(IRQ2_Handler)
WEAK(IRQ3_Handler) WEAK(IRQ4_Handler) WEAK(IRQ5_Handler) WEAK(IRQ6_Handler) WEAK(IRQ7_Handler)

__attribute__((section(".vectors"), used)) void *const vectors[64] = {
    stack_top, Reset_Handler, NMI_Handler, HardFault_Handler, MemManage_Handler,
    BusFault_Handler, UsageFault_Handler, 0, 0, 0, 0, SVC_Handler, DebugMon_Handler, 0,
    PendSV_Handler, SysTick_Handler, IRQ0_Handler, IRQ1_Handler, IRQ2_Handler, IRQ3_Handler,
    IRQ4_Handler, IRQ5_Handler, IRQ6_Handler, IRQ7_Handler,
};

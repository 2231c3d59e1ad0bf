// Vector table and start-up code, the same for every chip.

#include <stdint.h>

#include CHIP_HEADER

extern uint32_t stack_top[];                            // sample.ld
extern uint32_t data_load[], data_begin[], data_end[];
extern uint32_t bss_begin[], bss_end[];
extern uint32_t vector_checksum[];

int main(void);
void Tick_Handler(void);

void Reset_Handler(void)
{
    const uint32_t *from = data_load;

    for (uint32_t *to = data_begin; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_begin; to < bss_end;)
        *to++ = 0;
    main();
    for (;;)
        ;
}

// A debugger finds the reason in CFSR, and where it happened in the frame on the stack.
void HardFault_Handler(void)
{
    for (;;)
        ;
}

void Default_Handler(void)
{
    for (;;)
        ;
}

__attribute__((section(".vectors"), used))
const void *const vectors[16 + INTERRUPTS] = {
    stack_top,
    Reset_Handler,
    Default_Handler,        // NMI
    HardFault_Handler,
    HardFault_Handler,      // MemManage
    HardFault_Handler,      // BusFault
    HardFault_Handler,      // UsageFault
    vector_checksum,        // the boot ROM of LPC17xx wants the first eight words to add up to 0
    [11] = Default_Handler, // SVCall
    [12] = Default_Handler, // DebugMonitor
    [14] = Default_Handler, // PendSV
    [TICK_VECTOR] = Tick_Handler,
};

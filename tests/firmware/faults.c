/* Faults, each survived by skipping the instruction; ARMv7-M. */
#include "cortex.h"

static volatile uint32_t skip; /* where to go on */

void fault_body(uint32_t *frame, uint32_t lr)
{
    note(0xFA000000 | ipsr());
    note(lr);
    note(CFSR);
    note(HFSR);
    if (CFSR & 0x8000)
        note(BFAR);
    note(frame[6]);
    note(frame[7] & 0xFFFF0000);
    CFSR = CFSR;
    HFSR = HFSR;
    frame[6] = skip & ~1u;
    frame[7] = (frame[7] & ~0x0600FC00u) | 1u << 24;
}

#define HANDLER(name)                                                                             \
    __attribute__((naked)) void name(void)                                                        \
    {                                                                                             \
        __asm volatile("mov r1, lr\n tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n"       \
                       "b fault_body");                                                           \
    }
HANDLER(HardFault_Handler)
HANDLER(MemManage_Handler)
HANDLER(BusFault_Handler)
HANDLER(UsageFault_Handler)

/* Runs one piece of assembly and comes back behind it, whatever happens. r0-r3 are its own. */
#define TRY(code)                                                                                 \
    do {                                                                                          \
        __asm volatile("ldr r0, =1f + 1\n str r0, [%0]\n" code "\n1: nop\n"                       \
                       :: "r"(&skip) : "r0", "r1", "r2", "r3", "memory", "cc");                   \
    } while (0)

static void all(void)
{
    TRY("ldr r1, =0x60000000\n ldr r2, [r1]");
    TRY("ldr r1, =0x60000004\n str r2, [r1, #4]!");
    TRY("udf #1");
    TRY("ldr r1, =0x60000001\n bx r1");
    TRY("ldr r1, =0x20000100\n bx r1");
    TRY("ldr r1, =0x40000001\n bx r1");
    TRY("movs r1, #1\n lsls r1, #29\n adds r1, #2\n ldrex r2, [r1]");
    TRY("ldr r1, =0x60000000\n cmp r1, r1\n itt eq\n ldreq r2, [r1]\n moveq r3, #1");
}

void SVC_Handler(void)
{
    note(0x5C00);
    TRY("ldr r1, =0x60000010\n ldr r2, [r1]"); /* priority equal: escalates */
    note(0x5C01);
}

int main(void)
{
    note(1);
    all(); /* not enabled: HardFault */
    SHCSR = 7 << 16;
    note(2);
    all();
    note(3);
    disable_interrupts(); /* PRIMASK: escalates */
    TRY("udf #2");
    enable_interrupts();
    note(4);
    __asm volatile("svc 0" ::: "memory");
    REG8(0xE000ED1F) = 0x80;
    note(5);
    __asm volatile("svc 0" ::: "memory"); /* below the faults: BusFault */
    note(6);
    disable_interrupts();
    TRY("svc 3"); /* cannot be taken: HardFault */
    enable_interrupts();
    set_control(1); /* unprivileged: the PPB is closed */
    TRY("ldr r1, =0xE000ED04\n ldr r2, [r1]");
    return 0;
}

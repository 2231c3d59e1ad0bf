/* Interrupt priorities, preemption, tail-chaining, SVC, PendSV, masks. No timer: the log is the
 * same on every machine. */
#include "cortex.h"

static volatile uint32_t nested;

void IRQ0_Handler(void)
{
    note(0x1000);
    if (nested == 1) {
        pend_irq(1); /* more urgent: runs now */
        note(0x1001);
        pend_irq(2); /* less urgent: runs afterwards, tail-chained */
        note(0x1002);
    }
#if __ARM_ARCH >= 7
    note(0x1003 | ICSR << 20);
#else /* no RETTOBASE */
    note(0x1003 | (ICSR & 0x1FF) << 20);
#endif
}

void IRQ1_Handler(void)
{
    note(0x2000 | ipsr());
#if __ARM_ARCH >= 7
    note(NVIC_IABR);
#endif
    if (nested == 1)
        ICSR = PENDSVSET;
    barrier();
    note(0x2001);
}

void IRQ2_Handler(void) { note(0x3000 | ipsr()); }
void IRQ3_Handler(void) { note(0x4000 | ipsr()); }
void PendSV_Handler(void) { note(0x5000 | ipsr()); }
void SysTick_Handler(void) { note(0x6000 | ipsr()); }

/* The number in the SVC instruction selects; r0 of the frame is argument and result. */
void svc_body(uint32_t *frame, uint32_t lr)
{
    uint8_t number = ((uint8_t *)frame[6])[-2];
    note(0x7000 | number);
    note(lr);
    frame[0] = frame[0] * 3 + number;
}

__attribute__((naked)) void SVC_Handler(void)
{
    __asm volatile("mov r1, lr\n mov r0, lr\n movs r2, #4\n tst r0, r2\n mrs r0, msp\n beq 1f\n"
                   "mrs r0, psp\n1: ldr r2, =svc_body\n bx r2\n .ltorg");
}

static uint32_t call(uint32_t argument)
{
    register uint32_t r0 __asm("r0") = argument;
    __asm volatile("svc 7" : "+r"(r0) :: "memory");
    return r0;
}

static uint64_t process_stack[64];

int main(void)
{
    set_irq_priority(0, 0x80);
    set_irq_priority(1, 0x40);
    set_irq_priority(2, 0xC0);
    set_irq_priority(3, 0xC0);
    SHPR3 = 0x80u << 24 | 0xC0u << 16; /* SysTick 0x80, PendSV 0xC0 */
    SHPR2 = 0x80u << 24;
    NVIC_ISER = 0xF;

    note(0x100);
    pend_irq(0);
    note(0x101);
    nested = 1;
    pend_irq(0);
    nested = 0;
    note(0x102);

    /* Two of equal priority: the lower number goes first. */
    disable_interrupts();
    pend_irq(3);
    pend_irq(2);
    ICSR = PENDSTSET | PENDSVSET;
    barrier();
    note(0x200 | (ICSR >> 12 & 0xFF));
    enable_interrupts();
    note(0x201);

    /* Cleared again before it could run. */
    disable_interrupts();
    pend_irq(3);
    NVIC_ICPR = 1u << 3;
    enable_interrupts();
    note(0x202);
    NVIC_ICER = 1u << 3;
    pend_irq(3);
    note(0x203);
    NVIC_ICPR = 1u << 3;

    note(call(5));
    set_psp(process_stack + 63);
    set_control(get_control() | 2);
    note(get_control());
    note(call(6));
    pend_irq(1);
    note(get_psp() - (uint32_t)process_stack);
    set_control(0);

#if __ARM_ARCH >= 7
    uint32_t basepri = 0x60;
    __asm volatile("msr basepri, %0" :: "r"(basepri) : "memory");
    pend_irq(0);
    note(0x300);
    pend_irq(1);
    note(0x301);
    __asm volatile("msr basepri, %0\n isb" :: "r"(0) : "memory");
    note(0x302);
    AIRCR = 0x05FA0000 | 6 << 8; /* one bit of group priority: 0x40 no longer preempts 0x80? no */
    nested = 1;
    pend_irq(0);
    nested = 0;
    note(0x303);
    AIRCR = 0x05FA0000;
    __asm volatile("cpsid f" ::: "memory");
    pend_irq(1);
    note(0x304);
    __asm volatile("cpsie f\n isb" ::: "memory");
    note(0x305);
#endif
    return 0;
}

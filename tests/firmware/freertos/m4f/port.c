/* See portmacro.h. On a sleeping task's stack: r4-r11, EXC_RETURN, s16-s31 if the frame above is an
 * extended one, then that frame. */
#include "FreeRTOS.h"
#include "task.h"
#include "../../cortex.h"

static uint32_t nesting;

StackType_t *pxPortInitialiseStack(StackType_t *top, TaskFunction_t code, void *parameter)
{
    *--top = 1u << 24;
    *--top = (uint32_t)code & ~1u;
    *--top = 0; /* a task has no caller */
    top -= 4;
    *--top = (uint32_t)parameter;
    *--top = 0xFFFFFFFD;
    return top - 8;
}

uint32_t raise_basepri(void)
{
    uint32_t old;
    __asm volatile("mrs %0, basepri" : "=r"(old));
    __asm volatile("msr basepri, %0\n isb\n dsb"
                   ::"r"(configMAX_SYSCALL_INTERRUPT_PRIORITY) : "memory");
    return old;
}

void enter_critical(void)
{
    raise_basepri();
    nesting++;
}

void exit_critical(void)
{
    if (--nesting == 0)
        portENABLE_INTERRUPTS();
}

__attribute__((naked)) void SVC_Handler(void)
{
    __asm volatile(
        "ldr r3, =pxCurrentTCB\n ldr r1, [r3]\n ldr r0, [r1]\n"
        "ldmia r0!, {r4-r11, r14}\n msr psp, r0\n isb\n"
        "mov r0, #0\n msr basepri, r0\n bx r14\n .ltorg");
}

__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile(
        "mrs r0, psp\n isb\n ldr r3, =pxCurrentTCB\n ldr r2, [r3]\n"
        "tst r14, #0x10\n it eq\n vstmdbeq r0!, {s16-s31}\n"
        "stmdb r0!, {r4-r11, r14}\n str r0, [r2]\n"
        "push {r3, r14}\n mov r0, %0\n msr basepri, r0\n dsb\n isb\n"
        "bl vTaskSwitchContext\n"
        "mov r0, #0\n msr basepri, r0\n pop {r3, r14}\n"
        "ldr r1, [r3]\n ldr r0, [r1]\n ldmia r0!, {r4-r11, r14}\n"
        "tst r14, #0x10\n it eq\n vldmiaeq r0!, {s16-s31}\n"
        "msr psp, r0\n isb\n bx r14\n .ltorg" ::"i"(configMAX_SYSCALL_INTERRUPT_PRIORITY));
}

void SysTick_Handler(void)
{
    uint32_t old = raise_basepri();
    if (xTaskIncrementTick())
        ICSR = PENDSVSET;
    portCLEAR_INTERRUPT_MASK_FROM_ISR(old);
}

BaseType_t xPortStartScheduler(void)
{
    SHPR3 |= 0xFFu << 16 | 0xFFu << 24;
    SYST_RVR = configCPU_CLOCK_HZ / configTICK_RATE_HZ - 1;
    SYST_CVR = 0;
    nesting = 0;
    SYST_CSR = 7;
    /* the start-up code's use of floating point is over: the first frame is a basic one */
    set_control(get_control() & ~4u);
    __asm volatile("ldr r0, =0xE000ED08\n ldr r0, [r0]\n ldr r0, [r0]\n msr msp, r0\n"
                   "cpsie i\n dsb\n isb\n svc 0\n .ltorg");
    return 0;
}

void vPortEndScheduler(void)
{
}

/* A port of our own for the Cortex-M4 with FPU: the archive that brings the kernel has only that of
 * the Cortex-M3. What it pushes lies where the kernel's own ARM_CM4F port documents it. */
#pragma once
#include <stdint.h>

typedef uint32_t StackType_t;
typedef long BaseType_t;
typedef unsigned long UBaseType_t;
typedef uint32_t TickType_t;
#define portSTACK_TYPE StackType_t
#define portBASE_TYPE long
#define portCHAR char
#define portMAX_DELAY ((TickType_t)0xFFFFFFFF)
#define portTICK_TYPE_IS_ATOMIC 1
#define portSTACK_GROWTH (-1)
#define portTICK_PERIOD_MS ((TickType_t)1000 / configTICK_RATE_HZ)
#define portBYTE_ALIGNMENT 8

#define portYIELD()                                                                     \
    do {                                                                                \
        *(volatile uint32_t *)0xE000ED04 = 1u << 28;                                    \
        __asm volatile("dsb\n isb" ::: "memory");                                       \
    } while (0)
#define portYIELD_FROM_ISR(wanted) do { if (wanted) portYIELD(); } while (0)
#define portEND_SWITCHING_ISR portYIELD_FROM_ISR

void enter_critical(void);
void exit_critical(void);
uint32_t raise_basepri(void);
#define portENTER_CRITICAL() enter_critical()
#define portEXIT_CRITICAL() exit_critical()
#define portDISABLE_INTERRUPTS() ((void)raise_basepri())
#define portENABLE_INTERRUPTS() __asm volatile("msr basepri, %0" ::"r"(0) : "memory")
#define portSET_INTERRUPT_MASK_FROM_ISR() raise_basepri()
#define portCLEAR_INTERRUPT_MASK_FROM_ISR(old) \
    __asm volatile("msr basepri, %0" ::"r"(old) : "memory")

#define portTASK_FUNCTION_PROTO(function, parameter) void function(void *parameter)
#define portTASK_FUNCTION(function, parameter) void function(void *parameter)
#define portNOP()

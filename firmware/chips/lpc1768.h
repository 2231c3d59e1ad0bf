// LPC1768: internal oscillator at 4 MHz as after reset, UART0 on P0.2 and P0.3.
#pragma once

#include "register.h"

#define CLOCK_HZ    4000000u
#define INTERRUPTS  0
#define TICK_VECTOR 15 // SysTick

#define PCLKSEL0   REGISTER(0x400FC1A8)
#define PINSEL0    REGISTER(0x4002C000)
#define UART0_RBR  REGISTER(0x4000C000) // with LCR.DLAB: DLL
#define UART0_THR  REGISTER(0x4000C000)
#define UART0_DLM  REGISTER(0x4000C004)
#define UART0_FCR  REGISTER(0x4000C008)
#define UART0_LCR  REGISTER(0x4000C00C)
#define UART0_LSR  REGISTER(0x4000C014)
#define UART0_FDR  REGISTER(0x4000C028)

static inline void uart_open(void)
{
    PCLKSEL0 = (PCLKSEL0 & ~0xC0u) | 0x40u; // UART0 runs from CCLK
    PINSEL0 = (PINSEL0 & ~0xF0u) | 0x50u;
    UART0_LCR = 0x83; // 8 bits, DLAB
    UART0_RBR = 2;    // 4 MHz / 16 / 2 / (1 + 1/12) = 115385 baud
    UART0_DLM = 0;
    UART0_FDR = 12u << 4 | 1u;
    UART0_LCR = 0x03;
    UART0_FCR = 0x07; // FIFOs on and empty
}

static inline void uart_put(char byte)
{
    while (!(UART0_LSR & 1u << 5)) // THRE
        ;
    UART0_THR = (uint8_t)byte;
}

static inline int uart_get(void)
{
    return UART0_LSR & 1u << 0 ? (int)(UART0_RBR & 0xFF) : -1; // RDR
}

static inline void ticker_open(void)
{
    systick_open(CLOCK_HZ);
}

static inline void ticker_acknowledge(void)
{
}

// nRF52840: 64 MHz, UART0 on P0.06 and P0.08 (the pins of the development kit).
#pragma once

#include "register.h"

#define CLOCK_HZ    64000000u
#define INTERRUPTS  0
#define TICK_VECTOR 15 // SysTick

#define UART_TX_PIN 6
#define UART_RX_PIN 8

#include "nrf5_uart.h"

static inline void ticker_open(void)
{
    systick_open(CLOCK_HZ);
}

static inline void ticker_acknowledge(void)
{
}

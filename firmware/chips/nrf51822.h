// nRF51822 on a micro:bit: 16 MHz, UART0 on P0.24 and P0.25. It has no SysTick: TIMER0 ticks.
#pragma once

#include "register.h"

#define INTERRUPTS  26
#define TIMER0_IRQ  8
#define TICK_VECTOR (16 + TIMER0_IRQ)

#define UART_TX_PIN 24
#define UART_RX_PIN 25

#include "nrf5_uart.h"

#define NVIC_ISER              REGISTER(0xE000E100)
#define TIMER0_START           REGISTER(0x40008000)
#define TIMER0_COMPARE0        REGISTER(0x40008140)
#define TIMER0_SHORTS          REGISTER(0x40008200)
#define TIMER0_INTENSET        REGISTER(0x40008304)
#define TIMER0_PRESCALER       REGISTER(0x40008510)
#define TIMER0_CC0             REGISTER(0x40008540)

static inline void ticker_open(void)
{
    TIMER0_PRESCALER = 4; // 1 MHz
    TIMER0_CC0 = 1000;
    TIMER0_SHORTS = 1u << 0; // COMPARE0_CLEAR
    TIMER0_INTENSET = 1u << 16;
    NVIC_ISER = 1u << TIMER0_IRQ;
    TIMER0_START = 1;
}

static inline void ticker_acknowledge(void)
{
    TIMER0_COMPARE0 = 0;
}

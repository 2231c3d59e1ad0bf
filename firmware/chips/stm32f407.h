// STM32F407: HSI at 16 MHz as after reset, USART2 on PA2 and PA3.
#pragma once

#include "register.h"

#define CLOCK_HZ    16000000u
#define INTERRUPTS  0
#define TICK_VECTOR 15 // SysTick

#define RCC_AHB1ENR  REGISTER(0x40023830)
#define RCC_APB1ENR  REGISTER(0x40023840)
#define GPIOA_MODER  REGISTER(0x40020000)
#define GPIOA_AFRL   REGISTER(0x40020020)
#define USART2_SR    REGISTER(0x40004400)
#define USART2_DR    REGISTER(0x40004404)
#define USART2_BRR   REGISTER(0x40004408)
#define USART2_CR1   REGISTER(0x4000440C)

static inline void uart_open(void)
{
    RCC_AHB1ENR |= 1u << 0;   // GPIOAEN
    RCC_APB1ENR |= 1u << 17;  // USART2EN
    GPIOA_MODER = (GPIOA_MODER & ~0xF0u) | 0xA0u;
    GPIOA_AFRL = (GPIOA_AFRL & ~0xFF00u) | 0x7700u;
    USART2_BRR = (CLOCK_HZ + 57600) / 115200;
    USART2_CR1 = 1u << 13 | 1u << 3 | 1u << 2; // UE, TE, RE
}

static inline void uart_put(char byte)
{
    while (!(USART2_SR & 1u << 7)) // TXE
        ;
    USART2_DR = (uint8_t)byte;
}

static inline int uart_get(void)
{
    return USART2_SR & 1u << 5 ? (int)(USART2_DR & 0xFF) : -1; // RXNE
}

static inline void ticker_open(void)
{
    systick_open(CLOCK_HZ);
}

static inline void ticker_acknowledge(void)
{
}

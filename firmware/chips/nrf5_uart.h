// UART0 of nRF51 and nRF52 (without EasyDMA).
#pragma once

#include "register.h"

#define UART0_STARTRX   REGISTER(0x40002000)
#define UART0_STARTTX   REGISTER(0x40002008)
#define UART0_RXDRDY    REGISTER(0x40002108)
#define UART0_TXDRDY    REGISTER(0x4000211C)
#define UART0_ENABLE    REGISTER(0x40002500)
#define UART0_PSELTXD   REGISTER(0x4000250C)
#define UART0_PSELRXD   REGISTER(0x40002514)
#define UART0_RXD       REGISTER(0x40002518)
#define UART0_TXD       REGISTER(0x4000251C)
#define UART0_BAUDRATE  REGISTER(0x40002524)
#define GPIO_OUTSET     REGISTER(0x50000508)
#define GPIO_DIRSET     REGISTER(0x50000518)
#define GPIO_PIN_CNF(n) REGISTER(0x50000700 + 4 * (n))

static inline void uart_open(void)
{
    GPIO_OUTSET = 1u << UART_TX_PIN;
    GPIO_DIRSET = 1u << UART_TX_PIN;
    GPIO_PIN_CNF(UART_RX_PIN) = 0; // input, connected
    UART0_PSELTXD = UART_TX_PIN;
    UART0_PSELRXD = UART_RX_PIN;
    UART0_BAUDRATE = 0x01D7E000; // 115200
    UART0_ENABLE = 4;
    UART0_STARTTX = 1;
    UART0_STARTRX = 1;
}

static inline void uart_put(char byte)
{
    UART0_TXDRDY = 0;
    UART0_TXD = (uint8_t)byte;
    while (!UART0_TXDRDY)
        ;
}

static inline int uart_get(void)
{
    if (!UART0_RXDRDY)
        return -1;
    UART0_RXDRDY = 0;
    return (int)(UART0_RXD & 0xFF);
}

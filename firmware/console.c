#include "console.h"

#include CHIP_HEADER

void console_open(void)
{
    uart_open();
}

void console_write(const char *text)
{
    while (*text)
        uart_put(*text++);
}

// By subtraction: a Cortex-M0 has no divider.
void console_write_number(uint32_t number)
{
    static const uint32_t powers[] = {
        1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1,
    };
    int started = 0;

    for (unsigned n = 0; n < sizeof powers / sizeof *powers; n++) {
        char digit = '0';

        for (; number >= powers[n]; number -= powers[n])
            digit++;
        started |= digit != '0' || powers[n] == 1;
        if (started)
            uart_put(digit);
    }
}

int console_read(void)
{
    return uart_get();
}

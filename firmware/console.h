// A console on the chip's UART: 115200 baud, 8 bits, no parity.
#pragma once

#include <stdint.h>

void console_open(void);
void console_write(const char *text);
void console_write_number(uint32_t number);

// Return a byte that has arrived, or -1.
int console_read(void);

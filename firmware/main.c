// The sample that ships with onchip: something to flash, to stop in, to watch, and to crash.
//
//   counter         goes up a hundred times a second: watch it
//   fibonacci()     calls itself: a backtrace with some depth
//   fault_request   set it to 1 (or send 'f' over the UART), and read_sensor() takes a bus fault

#include <stdint.h>

#include "console.h"
#include "tick.h"

#define PERIOD_MS 10u
#define DEEPEST   11u

// External memory that none of these chips' boards has: reading it is a bus fault.
#define MISSING_SENSOR ((volatile const uint32_t *)0x60000000u)

volatile uint32_t counter;
volatile uint32_t fault_request;
volatile uint32_t last_result;

__attribute__((noinline)) uint32_t fibonacci(uint32_t n)
{
    if (n < 2)
        return n;
    return fibonacci(n - 1) + fibonacci(n - 2);
}

__attribute__((noinline)) uint32_t read_sensor(volatile const uint32_t *sensor)
{
    return *sensor;
}

__attribute__((noinline)) void take_sample(uint32_t number)
{
    console_write("sample ");
    console_write_number(number);
    console_write(": ");
    console_write_number(read_sensor(MISSING_SENSOR));
    console_write("\r\n");
}

static void report(uint32_t n, uint32_t value)
{
    console_write("fibonacci(");
    console_write_number(n);
    console_write(") = ");
    console_write_number(value);
    console_write("\r\n");
}

static void obey(int command)
{
    if (command == 'f')
        fault_request = 1;
    else if (command == '?')
        console_write("f: take a bus fault\r\n");
}

int main(void)
{
    console_open();
    tick_start();
    console_write("hello from " CHIP_NAME "\r\n");

    for (uint32_t n = 0;; n = n < DEEPEST ? n + 1 : 0) {
        last_result = fibonacci(n);
        counter = counter + 1;
        if (n == DEEPEST)
            report(n, last_result);

        obey(console_read());
        if (fault_request)
            take_sample(counter);
        tick_wait(PERIOD_MS);
    }
}

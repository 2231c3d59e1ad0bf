/* A fault in code that runs on the process stack and uses the FPU. */
#include <stdint.h>
static uint64_t process_stack[64];
volatile uint32_t marker = 0x1234;
volatile float result;
__attribute__((noinline)) static uint32_t inner(volatile uint32_t *where, float scale)
{
    result = scale * 2.0f;
    uint32_t value = *where;
    result = scale + 1.0f;
    return value + 1;
}
__attribute__((noinline)) void task(void)
{
    marker = inner((uint32_t *)0x60000000, 1.5f);
    marker++;
}
int main(void)
{
    __asm volatile("msr psp, %0\n movs r0, #2\n msr control, r0\n isb" ::"r"(process_stack + 64) : "r0");
    task();
    for (;;)
        ;
}

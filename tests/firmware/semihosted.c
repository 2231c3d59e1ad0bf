/* Semihosting by hand: writes a file, reads it back, prints it, tells where heap and stack are. */
#include <stdint.h>
#include <string.h>

uintptr_t volatile heap[4];
char volatile read_back[16];

static uintptr_t call(uintptr_t number, void *parameter)
{
    register uintptr_t r0 __asm("r0") = number;
    register void *r1 __asm("r1") = parameter;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uintptr_t open(const char *name, uintptr_t mode)
{
    uintptr_t block[] = {(uintptr_t)name, mode, strlen(name)};
    return call(0x01, block);
}

static uintptr_t transfer(uintptr_t number, uintptr_t handle, const void *data, uintptr_t length)
{
    uintptr_t block[] = {handle, (uintptr_t)data, length};
    return call(number, block);
}

__attribute__((noinline)) void done(void) { __asm volatile("nop"); }

int main(void)
{
    uintptr_t volatile *info = heap;
    call(0x16, &info);
    uintptr_t file = open("semihosted.txt", 4);
    transfer(0x05, file, "from the target\n", 16);
    call(0x02, &file);
    file = open("semihosted.txt", 0);
    transfer(0x06, file, (const void *)read_back, 16);
    call(0x02, &file);
    transfer(0x05, open(":tt", 4), (const void *)read_back, 16);
    done();
    uintptr_t end[] = {0x20026, 0};
    call(0x20, end);
    return 0;
}

/* A C library program: printf, malloc and 64-bit arithmetic through semihosting SYS_WRITE0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cortex.h"

static char line[64];
static int used;

static void flush(void)
{
    line[used] = 0;
    used = 0;
    register int r0 __asm("r0") = 4; /* SYS_WRITE0 */
    register char *r1 __asm("r1") = line;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static int put(char c, FILE *file)
{
    (void)file;
    line[used++] = c;
    if (c == '\n' || used == sizeof line - 1)
        flush();
    return c;
}

static FILE console = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &console;

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void)
{
    int *values = malloc(20 * sizeof *values);
    for (int i = 0; i < 20; i++)
        values[i] = i * 7919 % 101;
    qsort(values, 20, sizeof *values, compare);
    printf("sorted %d %d %d\n", values[0], values[10], values[19]);
    printf("%s %08lx %u\n", "hex", 0xC0FFEEUL, (unsigned)strlen("four"));
    uint64_t product = 0x123456789ULL * 0x1000003ULL / 7;
    printf("%08lx%08lx\n", (unsigned long)(product >> 32), (unsigned long)product);
    free(values);
    return 0;
}

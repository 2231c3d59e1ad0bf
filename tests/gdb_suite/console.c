/* The program's stdout, a line at a time: picolibc's own makes a semihosting call, which is a stop
   of the core, for each character. As in other C libraries, what has no end of line yet shows with
   fflush, or at the exit. */

#include <semihost.h>
#include <stdio.h>

static char line[256];
static unsigned length;

__attribute__((destructor)) static void show(void)
{
    line[length] = 0;
    if (length)
        sys_semihost_write0(line);
    length = 0;
}

static int flush(FILE *file)
{
    (void)file;
    show();
    return 0;
}

static int put(char c, FILE *file)
{
    (void)file;
    if (!c) /* no part of a text for SYS_WRITE0 */
        return 0;
    line[length++] = c;
    if (c == '\n' || length == sizeof line - 1)
        show();
    return 0;
}

static int get(FILE *file)
{
    (void)file;
    show();
    return sys_semihost_getc(NULL);
}

static FILE console = FDEV_SETUP_STREAM(put, get, flush, _FDEV_SETUP_RW);

FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;

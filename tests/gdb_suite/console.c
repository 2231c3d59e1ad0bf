/* The program's console. stdout comes a line at a time: picolibc's own makes a semihosting call,
   which is a stop of the core, for each character. As in other C libraries, what has no end of line
   yet shows with fflush, or at the exit. */

#include <semihost.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

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

/* What picolibc has for POSIX takes 0, 1 and 2 for handles of semihosting, which begin at 1. */

static int handles[3];

static int handle_of(int fd)
{
    static const uintptr_t modes[] = {SH_OPEN_R, SH_OPEN_W, SH_OPEN_A};

    if (fd < 0 || fd > 2)
        return fd;
    if (!handles[fd])
        handles[fd] = sys_semihost_open(":tt", modes[fd]);
    return handles[fd];
}

ssize_t read(int fd, void *data, size_t length)
{
    uintptr_t left;

    show();
    left = sys_semihost_read(handle_of(fd), data, length);
    return left > length ? -1 : (ssize_t)(length - left);
}

ssize_t write(int fd, const void *data, size_t length)
{
    uintptr_t left;

    show();
    left = sys_semihost_write(handle_of(fd), data, length);
    return left > length ? -1 : (ssize_t)(length - left);
}

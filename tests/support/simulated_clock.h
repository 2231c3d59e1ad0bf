/* simulated_clock.h: the stand-ins' simulated time, where they are built with SIMULATED_TIME.
 *
 * The board then moves only while the host waits. So it is told when the host waits for a packet
 * (WAIT) and when it sleeps (SLEEP), and the host's clock is the board's (NOW): its time-outs are
 * then those of a host that computes in no time. To be loaded by LD_PRELOAD too, so that it comes
 * before the C library.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { WAIT = 3, NOTHING = 4, SLEEP = 5, NOW = 6 };

static int board_socket = -1;
static uint64_t real_us, board_us; /* both clocks when they were first compared */

static int tell_board(unsigned char kind, uint64_t value, unsigned length)
{
    unsigned char frame[16] = { 'D', 'A', 'P', 0, (unsigned char)length, 0, kind, 0 };
    memcpy(frame + 8, &value, length); /* little-endian machines only */
    return board_socket < 0 ? -1 : (int)send(board_socket, frame, 8 + length, MSG_NOSIGNAL);
}

static uint64_t board_clock_us(void)
{
    unsigned char frame[16];
    uint64_t ns = 0;
    if (tell_board(NOW, 0, 0) < 0 || recv(board_socket, frame, sizeof frame, MSG_WAITALL) != 16)
        return 0;
    memcpy(&ns, frame + 8, 8);
    return ns / 1000;
}

int usleep(useconds_t us)
{
    tell_board(SLEEP, (uint64_t)us * 1000, 8);
    return 0;
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    if (left)
        *left = (struct timespec){ 0, 0 };
    return usleep((useconds_t)(wanted->tv_sec * 1000000 + wanted->tv_nsec / 1000));
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int result = (int)syscall(SYS_gettimeofday, now, zone);
    uint64_t board = board_clock_us();
    if (board == 0)
        return result; /* not connected yet, or no more */
    if (real_us == 0) {
        real_us = (uint64_t)now->tv_sec * 1000000 + (uint64_t)now->tv_usec;
        board_us = board;
    }
    uint64_t us = real_us + board - board_us;
    now->tv_sec = (time_t)(us / 1000000);
    now->tv_usec = (suseconds_t)(us % 1000000);
    return result;
}

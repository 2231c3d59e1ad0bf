/* board_socket.h: packets to and from a virtual board on TCP, for the stand-ins of USB libraries.
 *
 *     ONCHIP_BOARD=127.0.0.1:4441     address of a running board; without it there is no device
 *     ONCHIP_BOARD_LOG=FILE           append every packet in hex, for a post-mortem
 *
 * A packet is one frame of the board's TCP framing (wire/dap_tcp.py):
 *
 *     | "DAP\0" | length u16 | kind u8: 1 out, 2 in | 0 u8 | payload ... |      little-endian
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef SIMULATED_TIME
#include "simulated_clock.h"
#endif

enum { HEADER = 8, LARGEST = 1024, OUT = 1, IN = 2 };

/* What reading a packet gives instead of its length. */
enum { NOTHING_YET = -1, BOARD_GONE = -2 };

/* What the one device says of itself. The product must hold "CMSIS-DAP": hosts look for that. */
enum { VENDOR_ID = 0x1209, PRODUCT_ID = 0x0001 }; /* pid.codes, the product number for tests */

static void log_packet(const char *arrow, const unsigned char *bytes, size_t length)
{
    const char *name = getenv("ONCHIP_BOARD_LOG");
    FILE *file = name ? fopen(name, "a") : NULL;
    if (!file)
        return;
    fprintf(file, "%s", arrow);
    for (size_t i = 0; i < length; i++)
        fprintf(file, " %02x", bytes[i]);
    fputc('\n', file);
    fclose(file);
}

/* Return a socket connected to ONCHIP_BOARD, or -1. */
static int connect_to_board(void)
{
    const char *address = getenv("ONCHIP_BOARD");
    const char *colon = address ? strrchr(address, ':') : NULL;
    char host[256];
    if (!colon || (size_t)(colon - address) >= sizeof host)
        return -1;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';

    struct addrinfo want = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, colon + 1, &want, &found) != 0)
        return -1;
    int s = -1;
    for (struct addrinfo *a = found; a && s < 0; a = a->ai_next) {
        s = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (s >= 0 && connect(s, a->ai_addr, a->ai_addrlen) != 0) {
            close(s);
            s = -1;
        }
    }
    freeaddrinfo(found);
    int yes = 1;
    if (s >= 0)
        setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
#ifdef SIMULATED_TIME
    board_socket = s;
#endif
    return s;
}

static int move_all(int s, unsigned char *bytes, size_t length, int sending)
{
    while (length > 0) {
        ssize_t moved = sending ? send(s, bytes, length, MSG_NOSIGNAL) : recv(s, bytes, length, 0);
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return -1;
        bytes += moved;
        length -= (size_t)moved;
    }
    return 0;
}

/* Send one packet; return 0, or -1 if it is too long or the board is gone. */
static int send_packet(int s, const unsigned char *bytes, size_t length)
{
    unsigned char frame[HEADER + LARGEST] = {
        'D', 'A', 'P', 0, (unsigned char)length, (unsigned char)(length >> 8), OUT, 0
    };
    if (length > LARGEST)
        return -1;
    memcpy(frame + HEADER, bytes, length);
    log_packet(">", bytes, length);
    return move_all(s, frame, HEADER + length, 1);
}

/* Wait for one packet; return its length, NOTHING_YET or BOARD_GONE. `bytes` has room for LARGEST. */
static int receive_packet(int s, unsigned char *bytes, int milliseconds)
{
#ifdef SIMULATED_TIME
    tell_board(WAIT, milliseconds < 0 ? 10000 : (uint64_t)milliseconds, 4);
    milliseconds = -1; /* the board answers in any case */
#endif
    struct pollfd ready = { .fd = s, .events = POLLIN };
    int count = poll(&ready, 1, milliseconds);
    if (count == 0 || (count < 0 && errno == EINTR))
        return NOTHING_YET;
    unsigned char header[HEADER];
    if (count < 0 || move_all(s, header, HEADER, 0) != 0)
        return BOARD_GONE;
    size_t length = header[4] | (size_t)header[5] << 8;
#ifdef SIMULATED_TIME
    if (header[6] == NOTHING)
        return NOTHING_YET;
#endif
    if (memcmp(header, "DAP", 4) != 0 || header[6] != IN || length > LARGEST)
        return BOARD_GONE;
    if (move_all(s, bytes, length, 0) != 0)
        return BOARD_GONE;
    log_packet("<", bytes, length);
    return (int)length;
}

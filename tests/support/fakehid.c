/* fakehid.c: a stand-in for libhidapi-hidraw.so.0 that has one HID device: a virtual board on TCP.
 *
 * A host that speaks CMSIS-DAP v1 through hidapi (OpenOCD, say) finds it in the place of the real
 * library, through LD_LIBRARY_PATH, and then talks to the board named by the environment:
 *
 *     ONCHIP_BOARD=127.0.0.1:4441     address of a running board; without it there is no device
 *     ONCHIP_BOARD_LOG=FILE           append every packet in hex, for a post-mortem
 *
 * A report is one frame of the board's TCP framing (wire/dap_tcp.py), without the report id:
 *
 *     | "DAP\0" | length u16 | kind u8: 1 out, 2 in | 0 u8 | payload ... |      little-endian
 *
 * Build: gcc -O2 -shared -fPIC -Wl,-soname,libhidapi-hidraw.so.0 -o libhidapi-hidraw.so.0 fakehid.c
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hidapi/hidapi.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wchar.h>

enum { HEADER = 8, LARGEST = 1024, OUT = 1, IN = 2 };

/* What the one device says of itself. The product must hold "CMSIS-DAP": hosts look for that. */
#define VENDOR_ID 0x1209 /* pid.codes' range for open hardware; the product number is its test one */
#define PRODUCT_ID 0x0001
static wchar_t serial_text[] = L"ONCHIP0001";
static wchar_t maker_text[] = L"onchip";
static wchar_t product_text[] = L"onchip virtual CMSIS-DAP";
static char device_path[] = "onchip-board";

struct hid_device_ {
    int socket;
    int nonblocking;
    const wchar_t *error;
};

static const wchar_t *last_error = L"no error";

static int fail(hid_device *device, const wchar_t *what)
{
    last_error = what;
    if (device)
        device->error = what;
    return -1;
}

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

/* ---- the socket */

static int connect_to_board(void)
{
    const char *address = getenv("ONCHIP_BOARD");
    const char *colon = address ? strrchr(address, ':') : NULL;
    if (!colon)
        return -1;
    char host[256];
    size_t length = (size_t)(colon - address);
    if (length >= sizeof host)
        return -1;
    memcpy(host, address, length);
    host[length] = '\0';

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
    return s;
}

static int send_all(int s, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(s, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        bytes += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static int receive_all(int s, unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t got = recv(s, bytes, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        bytes += got;
        length -= (size_t)got;
    }
    return 0;
}

/* ---- the library */

int hid_init(void) { return 0; }
int hid_exit(void) { return 0; }

struct hid_device_info *hid_enumerate(unsigned short vendor, unsigned short product)
{
    if (!getenv("ONCHIP_BOARD"))
        return NULL;
    if ((vendor && vendor != VENDOR_ID) || (product && product != PRODUCT_ID))
        return NULL;
    struct hid_device_info *info = calloc(1, sizeof *info);
    if (!info)
        return NULL;
    info->path = device_path;
    info->vendor_id = VENDOR_ID;
    info->product_id = PRODUCT_ID;
    info->serial_number = serial_text;
    info->manufacturer_string = maker_text;
    info->product_string = product_text;
    info->release_number = 0x0210;
    info->usage_page = 0xFF00;
    info->usage = 1;
    return info;
}

void hid_free_enumeration(struct hid_device_info *list)
{
    free(list); /* one element, and its strings are static */
}

hid_device *hid_open_path(const char *path)
{
    if (strcmp(path, device_path) != 0) {
        fail(NULL, L"no device of that path");
        return NULL;
    }
    hid_device *device = calloc(1, sizeof *device);
    if (!device)
        return NULL;
    device->socket = connect_to_board();
    device->error = last_error = L"no error";
    if (device->socket < 0) {
        free(device);
        fail(NULL, L"no board listens at ONCHIP_BOARD");
        return NULL;
    }
    return device;
}

hid_device *hid_open(unsigned short vendor, unsigned short product, const wchar_t *serial)
{
    if (vendor != VENDOR_ID || product != PRODUCT_ID || (serial && wcscmp(serial, serial_text))) {
        fail(NULL, L"no such device");
        return NULL;
    }
    return hid_open_path(device_path);
}

void hid_close(hid_device *device)
{
    if (!device)
        return;
    close(device->socket);
    free(device);
}

int hid_write(hid_device *device, const unsigned char *report, size_t length)
{
    unsigned char frame[HEADER + LARGEST];
    if (length < 1 || length - 1 > LARGEST)
        return fail(device, L"report too short or too long");
    size_t size = length - 1; /* byte 0 is the report id */
    const unsigned char header[HEADER] = {
        'D', 'A', 'P', 0, (unsigned char)size, (unsigned char)(size >> 8), OUT, 0
    };
    memcpy(frame, header, HEADER);
    memcpy(frame + HEADER, report + 1, size);
    log_packet(">", report + 1, size);
    if (send_all(device->socket, frame, HEADER + size) != 0)
        return fail(device, L"the board is gone");
    return (int)length;
}

int hid_read_timeout(hid_device *device, unsigned char *report, size_t length, int milliseconds)
{
    struct pollfd ready = { .fd = device->socket, .events = POLLIN };
    int count = poll(&ready, 1, milliseconds);
    if (count == 0)
        return 0;
    if (count < 0)
        return errno == EINTR ? 0 : fail(device, L"poll failed");

    unsigned char frame[HEADER + LARGEST];
    if (receive_all(device->socket, frame, HEADER) != 0)
        return fail(device, L"the board is gone");
    size_t size = frame[4] | (size_t)frame[5] << 8;
    if (memcmp(frame, "DAP", 4) != 0 || frame[6] != IN || size > LARGEST)
        return fail(device, L"not a response frame");
    if (receive_all(device->socket, frame + HEADER, size) != 0)
        return fail(device, L"the board is gone");
    log_packet("<", frame + HEADER, size);
    if (size > length)
        size = length; /* what a short buffer does to a report */
    memcpy(report, frame + HEADER, size);
    return (int)size;
}

int hid_read(hid_device *device, unsigned char *report, size_t length)
{
    return hid_read_timeout(device, report, length, device->nonblocking ? 0 : -1);
}

int hid_set_nonblocking(hid_device *device, int nonblocking)
{
    device->nonblocking = nonblocking;
    return 0;
}

const wchar_t *hid_error(hid_device *device)
{
    return device ? device->error : last_error;
}

static int give_text(wchar_t *out, size_t room, const wchar_t *text)
{
    if (room == 0)
        return -1;
    wcsncpy(out, text, room - 1);
    out[room - 1] = L'\0';
    return 0;
}

int hid_get_manufacturer_string(hid_device *device, wchar_t *out, size_t room)
{
    (void)device;
    return give_text(out, room, maker_text);
}

int hid_get_product_string(hid_device *device, wchar_t *out, size_t room)
{
    (void)device;
    return give_text(out, room, product_text);
}

int hid_get_serial_number_string(hid_device *device, wchar_t *out, size_t room)
{
    (void)device;
    return give_text(out, room, serial_text);
}

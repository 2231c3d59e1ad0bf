/* fakehid.c: a stand-in for libhidapi-hidraw.so.0 that has one HID device: a virtual board on TCP.
 *
 * A host that speaks CMSIS-DAP v1 through hidapi (OpenOCD, say) finds it in the place of the real
 * library, through LD_LIBRARY_PATH, and then talks to the board named by ONCHIP_BOARD=HOST:PORT.
 * A report is one frame on that socket (board_socket.h), without its report id.
 *
 * Build: gcc -O2 -shared -fPIC -Wl,-soname,libhidapi-hidraw.so.0 -o libhidapi-hidraw.so.0 fakehid.c
 */
#define _GNU_SOURCE
#include "board_socket.h"

#include <hidapi/hidapi.h>
#include <wchar.h>

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
    if (length < 1) /* byte 0 is the report id */
        return fail(device, L"a report without its id");
    if (send_packet(device->socket, report + 1, length - 1) != 0)
        return fail(device, L"report too long, or the board is gone");
    return (int)length;
}

int hid_read_timeout(hid_device *device, unsigned char *report, size_t length, int milliseconds)
{
    unsigned char packet[LARGEST];
    int size = receive_packet(device->socket, packet, milliseconds);
    if (size == NOTHING_YET)
        return 0;
    if (size == BOARD_GONE)
        return fail(device, L"the board is gone");
    if ((size_t)size > length)
        size = (int)length; /* what a short buffer does to a report */
    memcpy(report, packet, (size_t)size);
    return size;
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

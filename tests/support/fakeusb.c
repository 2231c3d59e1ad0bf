/* fakeusb.c: a stand-in for libusb-1.0.so.0 that has one CMSIS-DAP v2 device: a virtual board on TCP.
 *
 * A host that speaks CMSIS-DAP v2 (bulk) through libusb, OpenOCD's `usb_bulk` backend or pyusb, finds
 * it in the place of the real library, through LD_LIBRARY_PATH, and then talks to the board named by
 * ONCHIP_BOARD=HOST:PORT. A bulk packet is one frame on that socket (board_socket.h).
 * ONCHIP_BOARD_PACKET=64 gives endpoints of another size than 512 bytes.
 *
 * The structures below are libusb 1.0's public binary interface, so that no header is needed.
 *
 * Build: gcc -O2 -shared -fPIC -Wl,-soname,libusb-1.0.so.0 -o libusb-1.0.so.0 fakeusb.c
 */
#define _GNU_SOURCE
#include "board_socket.h"

#include <stdint.h>
#include <sys/time.h>

/* ---- libusb's binary interface */

enum error {
    SUCCESS = 0, E_IO = -1, E_INVALID = -2, E_ACCESS = -3, E_NO_DEVICE = -4, E_NOT_FOUND = -5,
    E_TIMEOUT = -7, E_PIPE = -9, E_NO_MEMORY = -11, E_NOT_SUPPORTED = -12
};

struct device_descriptor {
    uint8_t bLength, bDescriptorType;
    uint16_t bcdUSB;
    uint8_t bDeviceClass, bDeviceSubClass, bDeviceProtocol, bMaxPacketSize0;
    uint16_t idVendor, idProduct, bcdDevice;
    uint8_t iManufacturer, iProduct, iSerialNumber, bNumConfigurations;
};

struct endpoint_descriptor {
    uint8_t bLength, bDescriptorType, bEndpointAddress, bmAttributes;
    uint16_t wMaxPacketSize;
    uint8_t bInterval, bRefresh, bSynchAddress;
    const unsigned char *extra;
    int extra_length;
};

struct interface_descriptor {
    uint8_t bLength, bDescriptorType, bInterfaceNumber, bAlternateSetting, bNumEndpoints;
    uint8_t bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol, iInterface;
    const struct endpoint_descriptor *endpoint;
    const unsigned char *extra;
    int extra_length;
};

struct interface {
    const struct interface_descriptor *altsetting;
    int num_altsetting;
};

struct config_descriptor {
    uint8_t bLength, bDescriptorType;
    uint16_t wTotalLength;
    uint8_t bNumInterfaces, bConfigurationValue, iConfiguration, bmAttributes, MaxPower;
    const struct interface *interface;
    const unsigned char *extra;
    int extra_length;
};

struct version {
    uint16_t major, minor, micro, nano;
    const char *rc, *describe;
};

typedef struct device { int unused; } device;
typedef struct handle { int socket; } handle;

/* ---- the one device */

static device the_device;
static int the_context;
static const char *const strings[] = {
    NULL, "onchip", "onchip virtual CMSIS-DAP", "ONCHIP0001", "onchip CMSIS-DAP v2"
};
enum { STRINGS = sizeof strings / sizeof strings[0] };
enum { ENDPOINT_OUT = 0x01, ENDPOINT_IN = 0x81, BULK = 2, VENDOR_CLASS = 0xFF };

static uint16_t packet_size(void)
{
    const char *text = getenv("ONCHIP_BOARD_PACKET");
    return (uint16_t)(text ? atoi(text) : 512);
}

int libusb_init(void **context)
{
    if (context)
        *context = &the_context;
    return SUCCESS;
}

void libusb_exit(void *context) { (void)context; }
void libusb_set_debug(void *context, int level) { (void)context, (void)level; }
int libusb_set_option(void *context, int option, ...) { (void)context, (void)option; return SUCCESS; }
int libusb_has_capability(uint32_t capability) { return capability == 0; }
int libusb_setlocale(const char *locale) { (void)locale; return SUCCESS; }

const struct version *libusb_get_version(void)
{
    static const struct version version = { 1, 0, 26, 0, "", "onchip stand-in" };
    return &version;
}

const char *libusb_error_name(int code)
{
    return code == E_TIMEOUT ? "LIBUSB_ERROR_TIMEOUT"
         : code == E_NO_DEVICE ? "LIBUSB_ERROR_NO_DEVICE"
         : code == SUCCESS ? "LIBUSB_SUCCESS"
         : "LIBUSB_ERROR_OTHER";
}

const char *libusb_strerror(int code) { return libusb_error_name(code); }

ssize_t libusb_get_device_list(void *context, device ***list)
{
    (void)context;
    *list = calloc(2, sizeof **list);
    if (!*list)
        return E_NO_MEMORY;
    if (!getenv("ONCHIP_BOARD"))
        return 0;
    (*list)[0] = &the_device;
    return 1;
}

void libusb_free_device_list(device **list, int unref) { (void)unref; free(list); }
device *libusb_ref_device(device *d) { return d; }
void libusb_unref_device(device *d) { (void)d; }
device *libusb_get_parent(device *d) { (void)d; return NULL; }
uint8_t libusb_get_bus_number(device *d) { (void)d; return 1; }
uint8_t libusb_get_port_number(device *d) { (void)d; return 1; }
uint8_t libusb_get_device_address(device *d) { (void)d; return 2; }
int libusb_get_device_speed(device *d) { (void)d; return packet_size() > 64 ? 3 : 2; }
int libusb_get_max_packet_size(device *d, unsigned char e) { (void)d, (void)e; return packet_size(); }

int libusb_get_max_iso_packet_size(device *d, unsigned char e) { (void)d, (void)e; return 0; }

int libusb_get_port_numbers(device *d, uint8_t *ports, int room)
{
    (void)d;
    if (room < 1)
        return 0;
    ports[0] = 1;
    return 1;
}

int libusb_get_device_descriptor(device *d, struct device_descriptor *out)
{
    (void)d;
    *out = (struct device_descriptor){
        .bLength = 18, .bDescriptorType = 1, .bcdUSB = 0x0210, .bMaxPacketSize0 = 64,
        .idVendor = VENDOR_ID, .idProduct = PRODUCT_ID, .bcdDevice = 0x0210,
        .iManufacturer = 1, .iProduct = 2, .iSerialNumber = 3, .bNumConfigurations = 1,
    };
    return SUCCESS;
}

int libusb_get_config_descriptor(device *d, uint8_t index, struct config_descriptor **out)
{
    static struct endpoint_descriptor endpoints[2];
    static struct interface_descriptor dap;
    static struct interface interfaces[1];
    (void)d;
    if (index != 0)
        return E_NOT_FOUND;
    for (int i = 0; i < 2; i++)
        endpoints[i] = (struct endpoint_descriptor){
            .bLength = 7, .bDescriptorType = 5, .bmAttributes = BULK,
            .bEndpointAddress = i ? ENDPOINT_IN : ENDPOINT_OUT, .wMaxPacketSize = packet_size(),
        };
    dap = (struct interface_descriptor){
        .bLength = 9, .bDescriptorType = 4, .bNumEndpoints = 2, .bInterfaceClass = VENDOR_CLASS,
        .iInterface = 4, .endpoint = endpoints,
    };
    interfaces[0] = (struct interface){ .altsetting = &dap, .num_altsetting = 1 };
    struct config_descriptor *config = calloc(1, sizeof *config);
    if (!config)
        return E_NO_MEMORY;
    *config = (struct config_descriptor){
        .bLength = 9, .bDescriptorType = 2, .wTotalLength = 32, .bNumInterfaces = 1,
        .bConfigurationValue = 1, .bmAttributes = 0x80, .MaxPower = 250, .interface = interfaces,
    };
    *out = config;
    return SUCCESS;
}

int libusb_get_active_config_descriptor(device *d, struct config_descriptor **out)
{
    return libusb_get_config_descriptor(d, 0, out);
}

void libusb_free_config_descriptor(struct config_descriptor *config) { free(config); }

/* ---- an open device */

int libusb_open(device *d, handle **out)
{
    (void)d;
    int s = connect_to_board();
    if (s < 0)
        return E_ACCESS;
    *out = calloc(1, sizeof **out);
    if (!*out)
        return E_NO_MEMORY;
    (*out)->socket = s;
    return SUCCESS;
}

void libusb_close(handle *h)
{
    if (!h)
        return;
    close(h->socket);
    free(h);
}

device *libusb_get_device(handle *h) { (void)h; return &the_device; }
int libusb_get_configuration(handle *h, int *config) { (void)h; *config = 1; return SUCCESS; }
int libusb_set_configuration(handle *h, int config) { (void)h, (void)config; return SUCCESS; }
int libusb_claim_interface(handle *h, int number) { (void)h, (void)number; return SUCCESS; }
int libusb_release_interface(handle *h, int number) { (void)h, (void)number; return SUCCESS; }
int libusb_clear_halt(handle *h, unsigned char endpoint) { (void)h, (void)endpoint; return SUCCESS; }
int libusb_reset_device(handle *h) { (void)h; return SUCCESS; }
int libusb_kernel_driver_active(handle *h, int number) { (void)h, (void)number; return 0; }
int libusb_attach_kernel_driver(handle *h, int number) { (void)h, (void)number; return SUCCESS; }
int libusb_detach_kernel_driver(handle *h, int number) { (void)h, (void)number; return E_NOT_FOUND; }
int libusb_set_auto_detach_kernel_driver(handle *h, int on) { (void)h, (void)on; return SUCCESS; }

int libusb_set_interface_alt_setting(handle *h, int number, int setting)
{
    (void)h, (void)number, (void)setting;
    return SUCCESS;
}

int libusb_get_string_descriptor_ascii(handle *h, uint8_t index, unsigned char *out, int room)
{
    (void)h;
    if (index == 0 || index >= STRINGS || room < 1)
        return E_INVALID;
    return snprintf((char *)out, (size_t)room, "%s", strings[index]);
}

/* GET_DESCRIPTOR of a string is the one control request that is answered: pyusb needs it. */
int libusb_control_transfer(handle *h, uint8_t type, uint8_t request, uint16_t value,
                            uint16_t index, unsigned char *data, uint16_t length, unsigned timeout)
{
    (void)h, (void)index, (void)timeout;
    unsigned char reply[256] = { 4, 3, 0x09, 0x04 }; /* language 0x0409 */
    unsigned number = value & 0xFF;
    if (type != 0x80 || request != 6 || value >> 8 != 3 || number >= STRINGS)
        return E_PIPE;
    if (number > 0) {
        size_t letters = strlen(strings[number]);
        memset(reply, 0, sizeof reply);
        reply[0] = (unsigned char)(2 + 2 * letters);
        reply[1] = 3;
        for (size_t i = 0; i < letters; i++)
            reply[2 + 2 * i] = (unsigned char)strings[number][i];
    }
    if (length > reply[0])
        length = reply[0];
    memcpy(data, reply, length);
    return length;
}

int libusb_bulk_transfer(handle *h, unsigned char endpoint, unsigned char *data, int length,
                         int *moved, unsigned timeout)
{
    int ignored;
    if (!moved)
        moved = &ignored;
    *moved = 0;
    if (endpoint == ENDPOINT_OUT) {
        if (length > 0 && send_packet(h->socket, data, (size_t)length) != 0)
            return E_NO_DEVICE;
        *moved = length;
        return SUCCESS;
    }
    if (endpoint != ENDPOINT_IN)
        return E_NOT_FOUND;
    unsigned char packet[LARGEST];
    int size = receive_packet(h->socket, packet, timeout ? (int)timeout : -1);
    if (size == NOTHING_YET)
        return E_TIMEOUT;
    if (size == BOARD_GONE)
        return E_NO_DEVICE;
    if (size > length)
        size = length;
    memcpy(data, packet, (size_t)size);
    *moved = size;
    return SUCCESS;
}

int libusb_interrupt_transfer(handle *h, unsigned char endpoint, unsigned char *data, int length,
                              int *moved, unsigned timeout)
{
    return libusb_bulk_transfer(h, endpoint, data, length, moved, timeout);
}

/* ---- asynchronous transfers: drivers that want them do not get this device */

void *libusb_alloc_transfer(int iso_packets) { (void)iso_packets; return calloc(1, 256); }
void libusb_free_transfer(void *transfer) { free(transfer); }
int libusb_submit_transfer(void *transfer) { (void)transfer; return E_NOT_SUPPORTED; }
int libusb_cancel_transfer(void *transfer) { (void)transfer; return E_NOT_FOUND; }
int libusb_handle_events(void *context) { (void)context; return SUCCESS; }

int libusb_handle_events_completed(void *context, int *completed)
{
    (void)context, (void)completed;
    return SUCCESS;
}

int libusb_handle_events_timeout(void *context, struct timeval *timeout)
{
    (void)context, (void)timeout;
    return SUCCESS;
}

int libusb_handle_events_timeout_completed(void *context, struct timeval *timeout, int *completed)
{
    (void)context, (void)timeout, (void)completed;
    return SUCCESS;
}

/* nRF51822 and nRF52840: code flash (PAGE, FLASH_KIB) or the UICR (UICR: its size in bytes).
   Sources: nRF51 Series Reference Manual v3.0 chapter 6 (NVMC), nRF52840 Product Specification
   v1.7 section 4.3 (NVMC), 4.5 (UICR). The NVMC reports no errors: a write that is not allowed
   leaves the word as it was, so each word is read back.

   EraseChip of the code flash is ERASEALL, which erases the UICR as well. */

#include "flash_os.h"

#define NVMC_READY     REG32(0x4001E400)
#define NVMC_CONFIG    REG32(0x4001E504)
#define NVMC_ERASEPAGE REG32(0x4001E508)
#define NVMC_ERASEALL  REG32(0x4001E50C)
#define NVMC_ERASEUICR REG32(0x4001E514)

enum { READ_ONLY = 0, WRITE_ENABLE = 1, ERASE_ENABLE = 2 };

static void configure(uint32_t mode)
{
    while (!(NVMC_READY & 1))
        ;
    NVMC_CONFIG = mode;
    while (!(NVMC_READY & 1))
        ;
}

int Init(uint32_t address, uint32_t clock_hz, uint32_t function)
{
    (void)address;
    (void)clock_hz;
    (void)function;
    configure(READ_ONLY);
    return 0;
}

int UnInit(uint32_t function)
{
    (void)function;
    configure(READ_ONLY);
    return 0;
}

int EraseChip(void)
{
    configure(ERASE_ENABLE);
#ifdef UICR
    NVMC_ERASEUICR = 1;
#else
    NVMC_ERASEALL = 1;
#endif
    configure(READ_ONLY);
    return 0;
}

int EraseSector(uint32_t address)
{
    configure(ERASE_ENABLE);
#ifdef UICR
    (void)address;
    NVMC_ERASEUICR = 1;
#else
    NVMC_ERASEPAGE = address;
#endif
    configure(READ_ONLY);
    return 0;
}

int ProgramPage(uint32_t address, uint32_t size, const uint8_t *data)
{
    const uint32_t *from = (const uint32_t *)data;
    volatile uint32_t *to = (volatile uint32_t *)address;
    int failed = 0;
    configure(WRITE_ENABLE);
    for (; size && !failed; size = size > 4 ? size - 4 : 0, to++, from++) {
        if (*from == 0xFFFFFFFF)
            continue;
        *to = *from;
        while (!(NVMC_READY & 1))
            ;
        failed = *to != *from;
    }
    configure(READ_ONLY);
    return failed;
}

DEVICE_SECTION const struct FlashDevice FlashDevice = {
#ifdef UICR
    FLM_VERSION, "nRF UICR (onchip)", ON_CHIP,
    0x10001000, UICR, UICR, 0, 0xFF, 500, 500,
    { { UICR, 0 }, SECTORS_END },
#else
    FLM_VERSION, "nRF code flash (onchip)", ON_CHIP,
    0x00000000, FLASH_KIB * 1024, PAGE, 0, 0xFF, 500, 500,
    { { PAGE, 0 }, SECTORS_END },
#endif
};

/* LPC1768: 512 KiB, programmed by the boot ROM's in-application programming (IAP) calls.
   Source: UM10360 chapter 32 (flash programming firmware), 4.5 (PLL0), 4.4 (clock source), 3.6
   (boot ROM remapping). IAP needs 128 bytes of stack and the top 32 bytes of the local SRAM. */

#include "flash_os.h"

#define MEMMAP    REG32(0x400FC040)
#define PLL0CON   REG32(0x400FC080)
#define PLL0STAT  REG32(0x400FC088)
#define PLL0FEED  REG32(0x400FC08C)
#define CCLKCFG   REG32(0x400FC104)
#define CLKSRCSEL REG32(0x400FC10C)

#define PLLC0_STAT (1u << 25)
#define PLLE0 1u

#define IRC_KHZ 4000u
#define LAST_SECTOR 29u

enum { PREPARE = 50, COPY_RAM_TO_FLASH = 51, ERASE = 52, CMD_SUCCESS = 0 };

typedef void (*iap_entry)(uint32_t command[5], uint32_t result[5]);

static uint32_t iap(uint32_t code, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t command[5] = { code, a, b, c, d };
    uint32_t result[5];
    ((iap_entry)0x1FFF1FF1)(command, result);
    return result[0];
}

static uint32_t sector_of(uint32_t address)
{
    return address < 0x10000 ? address >> 12 : 14 + (address >> 15);
}

static void feed_pll(uint32_t control)
{
    PLL0CON = control;
    PLL0FEED = 0xAA;
    PLL0FEED = 0x55;
}

/* IAP has to know CCLK: run from the internal oscillator, whatever the program had set up.
   Address 0 has to show the flash: after a reset it shows the boot ROM until that has run. */
int Init(uint32_t address, uint32_t clock_hz, uint32_t function)
{
    (void)address;
    (void)clock_hz;
    (void)function;
    if (PLL0STAT & PLLC0_STAT)
        feed_pll(PLLE0);
    feed_pll(0);
    CLKSRCSEL = 0;
    CCLKCFG = 0;
    MEMMAP = 1;
    return 0;
}

int UnInit(uint32_t function)
{
    (void)function;
    return 0;
}

static int erase(uint32_t first, uint32_t last)
{
    uint32_t status = iap(PREPARE, first, last, 0, 0);
    if (status == CMD_SUCCESS)
        status = iap(ERASE, first, last, IRC_KHZ, 0);
    return (int)status;
}

int EraseChip(void)
{
    return erase(0, LAST_SECTOR);
}

int EraseSector(uint32_t address)
{
    return erase(sector_of(address), sector_of(address));
}

/* IAP copies 256, 512, 1024 or 4096 bytes at a time. */
int ProgramPage(uint32_t address, uint32_t size, const uint8_t *data)
{
    while (size) {
        uint32_t sector = sector_of(address);
        uint32_t step = size >= 4096 ? 4096 : size >= 1024 ? 1024 : size >= 512 ? 512 : 256;
        uint32_t status = iap(PREPARE, sector, sector, 0, 0);
        if (status == CMD_SUCCESS)
            status = iap(COPY_RAM_TO_FLASH, address, (uint32_t)data, step, IRC_KHZ);
        if (status != CMD_SUCCESS)
            return (int)status;
        address += step;
        data += step;
        size = size > step ? size - step : 0;
    }
    return 0;
}

DEVICE_SECTION const struct FlashDevice FlashDevice = {
    FLM_VERSION, "LPC1768 512 KiB (onchip)", ON_CHIP,
    0x00000000, 512 * 1024, 4096, 0, 0xFF, 300, 3000,
    { { 4 * 1024, 0 }, { 32 * 1024, 0x10000 }, SECTORS_END },
};

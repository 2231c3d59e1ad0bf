/* STM32F405/407/415/417: 1 MiB in sectors of 16, 64 and 128 KiB.
   Source: RM0090 section 3.5 (erase and program operations), 3.9 (registers). Words are programmed
   with PSIZE x32, which needs a supply of 2.7 V at least. */

#include "flash_os.h"

#define FLASH_ACR  REG32(0x40023C00)
#define FLASH_KEYR REG32(0x40023C04)
#define FLASH_SR   REG32(0x40023C0C)
#define FLASH_CR   REG32(0x40023C10)

#define ACR_CACHES      (7u << 8)   /* PRFTEN, ICEN, DCEN */
#define ACR_CACHE_RESET (3u << 11)  /* ICRST, DCRST: only while the caches are off */

#define SR_EOP    (1u << 0)
#define SR_ERRORS (0xF2u)           /* OPERR, WRPERR, PGAERR, PGPERR, PGSERR */
#define SR_BSY    (1u << 16)

#define CR_PG        (1u << 0)
#define CR_SER       (1u << 1)
#define CR_MER       (1u << 2)
#define CR_SNB(n)    ((n) << 3)
#define CR_PSIZE_X32 (2u << 8)
#define CR_STRT      (1u << 16)
#define CR_ERRIE     (1u << 25)     /* OPERR shows only with it; interrupts are masked */
#define CR_LOCK      (1u << 31)

#define CR_WORDS (CR_PSIZE_X32 | CR_ERRIE)

static uint32_t finish(void)
{
    while (FLASH_SR & SR_BSY)
        ;
    uint32_t errors = FLASH_SR & SR_ERRORS;
    FLASH_SR = SR_EOP | SR_ERRORS;
    return errors;
}

int Init(uint32_t address, uint32_t clock_hz, uint32_t function)
{
    (void)address;
    (void)clock_hz;
    (void)function;
    /* What is verified afterwards must come from the flash, not from a cache (3.5.3, 3.5.4). */
    uint32_t acr = FLASH_ACR & ~ACR_CACHES;
    FLASH_ACR = acr;
    FLASH_ACR = acr | ACR_CACHE_RESET;
    FLASH_ACR = acr;
    finish();
    if (FLASH_CR & CR_LOCK) {
        FLASH_KEYR = 0x45670123;
        FLASH_KEYR = 0xCDEF89AB;
    }
    return (FLASH_CR & CR_LOCK) != 0;
}

int UnInit(uint32_t function)
{
    (void)function;
    FLASH_CR = CR_LOCK;
    return 0;
}

static int erase(uint32_t what)
{
    finish();
    FLASH_CR = CR_WORDS | what;
    FLASH_CR = CR_WORDS | what | CR_STRT;
    uint32_t errors = finish();
    FLASH_CR = 0;
    return (int)errors;
}

int EraseChip(void)
{
    return erase(CR_MER);
}

int EraseSector(uint32_t address)
{
    uint32_t offset = address & 0xFFFFF;
    uint32_t sector = offset < 0x10000 ? offset >> 14 : 4 + (offset >> 17);
    return erase(CR_SER | CR_SNB(sector));
}

/* At 16 MHz the loop takes a share of the time that the flash takes. So the next word is fetched
   while the flash is busy, and the error flags, which are sticky, are looked at once a page. */
int ProgramPage(uint32_t address, uint32_t size, const uint8_t *data)
{
    const uint32_t *from = (const uint32_t *)data;
    const uint32_t *end = from + (size + 3) / 4;
    volatile uint32_t *to = (volatile uint32_t *)address;
    finish();
    FLASH_CR = CR_WORDS | CR_PG;
    while (from != end) {
        uint32_t word = *from++;
        volatile uint32_t *place = to++;
        if (word == 0xFFFFFFFF)
            continue;
        while (FLASH_SR & SR_BSY)
            ;
        *place = word;
    }
    uint32_t errors = finish();
    FLASH_CR = 0;
    return (int)errors;
}

DEVICE_SECTION const struct FlashDevice FlashDevice = {
    FLM_VERSION, "STM32F407 1 MiB (onchip)", ON_CHIP,
    0x08000000, 1024 * 1024, 4096, 0, 0xFF, 500, 6000,
    { { 16 * 1024, 0 }, { 64 * 1024, 0x10000 }, { 128 * 1024, 0x20000 }, SECTORS_END },
};

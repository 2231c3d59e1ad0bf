/* The interface of a CMSIS-Pack flash algorithm (Open-CMSIS-Pack, "Flash Programming Algorithms"). */

#ifndef ONCHIP_FLASH_OS_H
#define ONCHIP_FLASH_OS_H

#include <stdint.h>

#define ON_CHIP 1
#define SECTORS_END { 0xFFFFFFFFu, 0xFFFFFFFFu }

struct FlashSector {
    uint32_t size;    /* of each sector */
    uint32_t offset;  /* of the first, from the start of the device */
};

struct FlashDevice {
    uint16_t version;
    char name[128];
    uint16_t type;
    uint32_t address;
    uint32_t size;
    uint32_t page_size;
    uint32_t reserved;
    uint8_t erased_value;
    uint32_t program_timeout_ms;
    uint32_t erase_timeout_ms;
    struct FlashSector sectors[8];
};

#define DEVICE_SECTION __attribute__((section("DevDscr"), used))
#define FLM_VERSION 0x0101

enum { FOR_ERASE = 1, FOR_PROGRAM = 2, FOR_VERIFY = 3 };

int Init(uint32_t address, uint32_t clock_hz, uint32_t function);
int UnInit(uint32_t function);
int EraseChip(void);
int EraseSector(uint32_t address);
int ProgramPage(uint32_t address, uint32_t size, const uint8_t *data);
uint32_t Verify(uint32_t address, uint32_t size, const uint8_t *data);
int BlankCheck(uint32_t address, uint32_t size, uint8_t pattern);

#define REG32(address) (*(volatile uint32_t *)(address))

#endif

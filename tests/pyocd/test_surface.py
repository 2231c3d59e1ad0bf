"""Every name, signature and default of the classic surface, written down by hand."""

from __future__ import annotations

import inspect

import pytest

from pyOCD.board import MbedBoard
from pyOCD.flash import Flash, FlashBuilder, FlashInfo, PageInfo, ProgrammingInfo
from pyOCD.gdbserver import GDBServer
from pyOCD.gdbserver.gdbserver import DEFAULTS
from pyOCD.interface import INTERFACE, Interface
from pyOCD.pyDAPAccess import DAPAccess
from pyOCD.target import TARGET, FlashRegion, MemoryMap, RamRegion, RomRegion, Target
from pyOCD.transport import TRANSPORT, Transport

SURFACE: dict[type, str] = {
    MbedBoard: """
        chooseBoard(dap_class=DAPAccess, blocking=True, return_first=False, board_id=None, \
target_override=None, frequency=1000000, init_board=True)
        getAllConnectedBoards(dap_class=DAPAccess, close=False, blocking=True, \
target_override=None, frequency=1000000)
        listConnectedBoards(dap_class=DAPAccess)
        init()  uninit(resume=True)  getUniqueID()  getTargetType()  getTestBinary()
        getBoardName()  getInfo()
    """,
    Target: """
        halt()  step(disable_interrupts=True)  resume()  reset(software_reset=None)
        resetStopOnReset(software_reset=None)  getState()  isRunning()  isHalted()  init()
        setTargetState(state)  disconnect(resume=True)  flush()  info(request)  readIDCode()
        setFlash(flash)  setAutoUnlock(doAutoUnlock)  isLocked()  setHaltOnConnect(halt)
        massErase()
        writeMemory(addr, value, transfer_size=32)  readMemory(addr, transfer_size=32, now=True)
        write32(addr, value)  write16(addr, value)  write8(addr, value)
        read32(addr, now=True)  read16(addr, now=True)  read8(addr, now=True)
        readBlockMemoryUnaligned8(addr, size)  readBlockMemoryAligned32(addr, size)
        writeBlockMemoryUnaligned8(addr, data)  writeBlockMemoryAligned32(addr, data)
        readCoreRegister(id)  writeCoreRegister(id, data)  readCoreRegisterRaw(reg)
        readCoreRegistersRaw(reg_list)  writeCoreRegisterRaw(reg, data)
        writeCoreRegistersRaw(reg_list, data_list)
        findBreakpoint(addr)  setBreakpoint(addr, type=3)  getBreakpointType(addr)
        removeBreakpoint(addr)  availableBreakpoint()
        setWatchpoint(addr, size, type)  removeWatchpoint(addr, size, type)
        setVectorCatchFault(enable)  getVectorCatchFault()  setVectorCatchReset(enable)
        getVectorCatchReset()  setVectorCatch(enableMask)  getVectorCatch()
        getMemoryMap()  getMemoryMapXML()  getTargetXML()  getRegisterContext()
        setRegisterContext(data)  setRegister(reg, data)  getTResponse(gdbInterrupt=False)
        getSignalValue()  getThreadsXML()  select_core(num)
    """,
    Flash: """
        init(reset=True)  cleanup()  computeCrcs(sectors)  eraseAll()  erasePage(flashPtr)
        programPage(flashPtr, bytes)  programPhrase(flashPtr, bytes)  getPageBufferCount()
        isDoubleBufferingSupported()  startProgramPageWithBuffer(bufferNumber, flashPtr)
        loadPageBuffer(bufferNumber, flashPtr, bytes)  getPageInfo(addr)  getFlashInfo()
        getFlashBuilder()
        flashBlock(addr, data, smart_flash=True, chip_erase=None, progress_cb=None, \
fast_verify=False)
        flashBinary(path_file, flashPtr=None, smart_flash=True, chip_erase=None, \
progress_cb=None, fast_verify=False)
        callFunction(pc, r0=None, r1=None, r2=None, r3=None, init=False)
        callFunctionAndWait(pc, r0=None, r1=None, r2=None, r3=None, init=False)
        waitForCompletion()  setFlashAlgoDebug(enable)  overrideSecurityBits(address, data)
    """,
    FlashBuilder: """
        addData(addr, data)
        program(chip_erase=None, progress_cb=None, smart_flash=True, fast_verify=False)
        enableDoubleBuffer(enable)  setMaxErrors(count)  getPerformance()
    """,
    GDBServer: """
        stop()  restart()  setBoard(board, stop=True)  isAlive()  join(timeout=None)
    """,
    MemoryMap: """
        addRegion(newRegion)  getBootMemory()  getRegionForAddress(address)
        isValidAddress(address)  getXML()
    """,
    Interface: """
        init()  write(data)  read(size=-1, timeout=-1)  getInfo()  close()  getPacketCount()
        setPacketCount(count)
    """,
    Transport: """
        readDP(addr, mode=2)  writeDP(addr, data)  readAP(addr, mode=2)  writeAP(addr, data)
    """,
    DAPAccess: """
        get_connected_devices()  get_device(device_id)  set_args(arg_list)  open()  close()
        get_unique_id()  identify(item)  set_clock(frequency)  get_swj_mode()  reset()
        assert_reset(asserted)  set_deferred_transfer(enable)  flush()  disconnect()
        vendor(index, data=None)  write_reg(reg_id, value, dap_index=0)
        read_reg(reg_id, dap_index=0, now=True)
    """,
}
METHODS = [
    (owner, line.strip())
    for owner, text in SURFACE.items()
    for line in text.replace(")  ", ")\n").splitlines()
    if line.strip()
]


@pytest.mark.parametrize(("owner", "wanted"), METHODS, ids=[m for _, m in METHODS])
def test_methods_have_their_names_and_defaults(owner: type, wanted: str) -> None:
    name, _, rest = wanted.partition("(")
    method = getattr(owner, name)
    parameters = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
    asked = [text for text in rest.rstrip(")").split(", ") if text]
    for text, parameter in zip(asked, parameters, strict=False):
        _, equals, default = text.partition("=")
        assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        if equals:
            shown = parameter.default
            assert shown == eval(default), f"{wanted}: {shown!r}"
        else:
            assert parameter.default is parameter.empty, wanted
    assert len(parameters) >= len(asked), wanted
    for extra in parameters[len(asked) :]:
        assert extra.default is not extra.empty or extra.kind is extra.VAR_POSITIONAL, wanted


def test_options_of_the_gdb_server_and_their_defaults() -> None:
    expected = {
        "break_at_hardfault": True, "break_on_reset": False, "step_into_interrupt": False,
        "persist": False, "soft_bkpt_as_hard": False, "chip_erase": None,
        "hide_programming_progress": False, "fast_program": False, "enable_semihosting": False,
        "telnet_port": 4444, "semihost_use_syscalls": False, "server_listening_callback": None,
        "serve_local_only": True,
    }  # fmt: skip
    assert expected.items() <= DEFAULTS.items()


def test_constants_keep_their_values() -> None:
    values = {
        "TARGET_": ("RUNNING", "HALTED", "RESET", "SLEEPING", "LOCKUP"),
        "BREAKPOINT_": ("HW", "SW", "AUTO"),
        "WATCHPOINT_": ("READ", "WRITE", "READ_WRITE"),
        "EVENT_": (
            "POST_CONNECT", "PRE_DISCONNECT", "PRE_RUN", "POST_RUN", "PRE_HALT", "POST_HALT",
            "PRE_RESET", "POST_RESET", "PRE_FLASH_PROGRAM", "POST_FLASH_PROGRAM",
        ),
        "RUN_TYPE_": ("RESUME", "STEP"),
        "HALT_REASON_": ("USER", "DEBUG"),
    }  # fmt: skip
    for prefix, names in values.items():
        assert [getattr(Target, prefix + name) for name in names] == list(range(1, len(names) + 1))
    masks = (
        "HARD_FAULT", "BUS_FAULT", "MEM_FAULT", "INTERRUPT_ERR", "STATE_ERR", "CHECK_ERR",
        "COPROCESSOR_ERR", "CORE_RESET",
    )  # fmt: skip
    assert [getattr(Target, f"CATCH_{name}") for name in masks] == [1 << n for n in range(8)]
    assert (Target.CATCH_NONE, Target.CATCH_ALL) == (0, 0xFF)


def test_tables_that_are_to_be_extended() -> None:
    assert {"cortex_m", "lpc1768", "nrf51", "stm32f407", "target_lpc1768"} <= TARGET.keys()
    assert "cmsis_dap" in TRANSPORT
    assert INTERFACE
    assert RamRegion(0x2000_0000, length=4).isRam
    assert RomRegion(0, length=4).isRom
    assert FlashRegion(0, length=0x400, blocksize=0x400).isFlash
    for kind in (PageInfo, FlashInfo, ProgrammingInfo):
        assert kind()

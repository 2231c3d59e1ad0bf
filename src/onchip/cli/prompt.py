"""The prompt of `onchip shell`: completion and history where prompt_toolkit is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_state_dir

from onchip.cortex_m import PSR_VIEWS

if TYPE_CHECKING:
    from onchip.services.commands import Interpreter

Ask = Callable[[str], str]
"""Shows a prompt and returns a line. EOFError: the user leaves. KeyboardInterrupt: forget it."""

_MOST_OFFERED = 200


def completions(interpreter: Interpreter, typed: str) -> list[str]:
    """Return what the last word of ``typed`` may become: a command, else a register or symbol."""
    words = typed.rpartition(";")[2].split()
    if not typed or typed[-1].isspace() or typed.endswith(";"):
        words.append("")
    last, machine = words[-1], interpreter.machine
    if len(words) == 1 or words[0] in ("help", "?"):
        return [name for name in interpreter.names if name.startswith(last)]
    registers = (*machine.core.register_names, *PSR_VIEWS)
    found = [name for name in registers if name.startswith(last)]
    if last and machine.debug is not None:
        found += [symbol.name for symbol in machine.debug.symbols_like(f"{last}*")]
    return found[:_MOST_OFFERED]


def asker(interpreter: Interpreter) -> Ask:
    """Return what reads lines from the terminal, as comfortably as what is installed allows."""
    try:
        import prompt_toolkit
        from prompt_toolkit.completion import Completer, Completion
        from prompt_toolkit.history import FileHistory
    except ImportError:
        print("for completion and history: pip install 'onchip[shell]'")
        return input

    class Words(Completer):
        """Offers `completions`."""

        def get_completions(self, document: Any, complete_event: Any) -> Iterator[Completion]:
            typed = document.text_before_cursor
            last = typed.replace(";", " ").rpartition(" ")[2]
            for word in completions(interpreter, typed):
                yield Completion(word, start_position=-len(last))

    folder = Path(user_state_dir("onchip", appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    prompting: Any = prompt_toolkit.PromptSession(
        history=FileHistory(str(folder / "shell_history")),
        completer=Words(),
        complete_while_typing=False,
    )
    return lambda text: str(prompting.prompt(text))


def lines_of(ask: Ask, prompt: Callable[[], str]) -> Iterable[str]:
    """Give the lines that the user types, until they leave with Ctrl-D, ``exit`` or ``quit``."""
    while True:
        try:
            line = ask(prompt())
        except KeyboardInterrupt:
            continue
        except EOFError:
            print()
            return
        if line.strip().lower() in ("exit", "quit", "q"):
            return
        yield line

"""How a request finds the function that serves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from onchip.services.gdb.conversation import Conversation

Reply = bytes | None
"""A payload; None: nothing is answered now."""

Handlers = Mapping[type, Callable[[Conversation, Any], Reply]]
"""By message class. The message type varies with the key, which no annotation can say."""

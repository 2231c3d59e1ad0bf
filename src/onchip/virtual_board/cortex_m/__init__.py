"""The processor: NVIC, exceptions, SysTick, System Control Space and debug units around an engine.

``core.VirtualCore`` is what a chip is built with; ``profile.profile_for`` describes it. Below stand
only the bus and the timeline. Only ``unicorn`` knows Unicorn.
"""

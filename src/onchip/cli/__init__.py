"""The `onchip` command: one module a verb, each a thin face of the session and the services.

Only the chosen verb's module is imported and only its parser is built, so that `onchip --help` and
`onchip --version` answer at once. The exit codes are in `exit_codes`.
"""

"""One module a verb.

``EPILOG`` ends its help, `add_arguments` describes its command line, `run` does it and returns the
exit code. A module imports what is heavy in `run`.
"""

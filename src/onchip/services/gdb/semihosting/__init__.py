"""The program's calls to its debugger, done here or on the machine of a client."""

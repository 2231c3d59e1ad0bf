"""What GDB reads as a file: descriptions in XML, memories, core dumps."""

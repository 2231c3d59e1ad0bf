"""What is on the chip beside what has to be there: sums, blankness, differences."""

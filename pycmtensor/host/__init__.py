"""What the library shares with the program that uses it: files, terminals and spreadsheets, settings of the process."""

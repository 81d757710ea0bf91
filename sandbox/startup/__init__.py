"""What a Python program's interpreter runs before the program."""

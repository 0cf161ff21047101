"""What monitors ask.

health    whether the desk lives, and can work
metrics   how it does, in numbers
"""

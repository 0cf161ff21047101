"""What monitors ask the desk, from outside and at any time.

health    whether the desk lives, and can work
metrics   how it does, in numbers
"""

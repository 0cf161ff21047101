"""Who has changed what, when and why: every status, setting, right, schedule and secret, by whichever door.

The lowest floor: it knows models by their labels, and everybody may say to it who acts.

change   that one field of one row has another value, that a row came, or went; written once, never changed
watched  a model of which changes are noted: which of its fields, and how its rows are called
secret   a field of which is noted that it changed, and never what it was or is
door     how somebody came: a person at the desk, a program with a token, a command; the desk itself; or past the desk
actor    who acts just now, through which door, and why where they have said it
"""

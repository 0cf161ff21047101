"""Which databases there are, and which of them answers.

first    the one that leads: it decides, and all is written to it
standby  one that follows it, and may be read from where a page only tells
behind   how old what a standby says may be
"""

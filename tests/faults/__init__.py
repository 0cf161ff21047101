"""Processes of Galley that die at a chosen moment, by kill -9, and workers that are frozen at any.

    tests.faults.reaper    counts what a process does to the world outside, and kills it before one of these touches
    tests.faults.browser_touches  what it does by a browser
    tests.faults.mortals   for the test: lets processes submit, work and finish, and says how each of them ended
    tests.faults.__main__  the warm process that they are forked from
    tests.faults.publications  what these do with an article that is only to be published
    tests.faults.verdict   what must hold afterwards
    tests.faults.standing  for how long an article stood still beside an idle worker

    tests.faults.simulation  workers in simulated time, each frozen for as long as a test likes
    tests.faults.accounts    services for them, which keep accounts of what was asked and paid

All of it stands on the side of the tests: production code has no hook for it.
"""

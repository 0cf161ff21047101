"""The backups in the desk: one page of how they do, and the way to a restore.

page          four lines, the lists of backups, and the schedules; from the rows alone
line          a part of the report with its problems, its facts, when it was last well and when it is due
problem       a finding in words, with what ends it: advice, a command of the operator's, or a button
listing       the backups of a tier, page by page
schedule      whether and when something runs; what it runs is the operator's alone
point         a moment to which one can go back, one for each of the newest backups
restore desk  the pages of a restore: a point in time, what, the difference, and then that; for superusers
"""

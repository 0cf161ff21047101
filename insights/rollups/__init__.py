"""Sums of days, so that a question about a year looks at a few rows: each is what its day's rows come to, once more.

mark      what a row leaves behind when it changes: a day whose sums are not true any more
day       of the desk's time zone as it is set now; when that is changed, all days are summed anew
measured  a row's part in the sums: what was to be done, by whom, how it ended, how long it took, what it cost
"""

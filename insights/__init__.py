"""What runs, what it costs and what works: reads everything below, and changes nothing but sums of its own.

Everybody is shown what is of articles that they may touch, and no more.

rate        completed tasks among those that ended by themselves; of none there is no rate
duration    from the beginning of a task to its end, in seconds
p95         the duration that 95 in 100 completed tasks did not exceed
sample      those that ended by themselves: what a rate is made of
bounds      between which the true rate lies, in 95 of 100 cases; where something is advised, in 99
as of       until when sums know: what was committed before is in them
cursor      where a page of a list ended, for the next one to go on there
trace       what an article went through, in spans: itself, its attempts, stages, calls, publications
range       the last 7, 30 or 90 days of the desk's time zone, today among them; or all
"""

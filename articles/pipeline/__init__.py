"""The run of an article, and everything that moves it from one status to another.

transition   a change of an article's status: one guarded update, in `transitions`, or in `many` for many at once
alone        of an article whose batch rests: a person asked for this one, and it goes on all the same
claim        taking a queued article; its attempt number fences every later write
found        an article as a look at the rows judged it; what follows holds only while it still is so
lease        for how long, and how, the worker that has claimed an article may write
run          one claim of one article: its lease, its calls, its files
call         one call to the outside, in the ledger that says what was sent, answered and paid (`calls`)
worker       what runs an article's stages and sees which end follows
repair       what is done about files that are not those that were saved
sweep        the look that puts back on the way what was interrupted, is due, or lost its message
message      a hint in the queue that an article is to be looked at (`queue`)
dispatch     which articles come into the queue, and which of them a worker takes
revision     a batch's number that grows with each change of its rows
rate limit   how fast a service may be asked, by all workers together
"""

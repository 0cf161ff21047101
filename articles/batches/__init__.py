"""Batches: so many styles, each an article, each with the same sections.

A batch is rows first: made slice by slice, and only those that are not there yet; articles are let in when all are
there. What works on them are the articles' own runs; here a batch is planned, started, paused and watched.

list          the styles or the sections of a batch, as an editor pastes them: a row for each usable line
change        what a start does with an article that is there: the same for the plan and for the deed
plan          what a start would make, and what it would cost
left out      not made, as its line was taken out of the list: an article is cancelled with it, a section taken away
slice         so many articles as are changed in one transaction
start         makes the rows that are not there yet, and lets the batch run
completeness  how much of an article of a batch is there
counts        how far a batch is, in numbers
cell          a section as the grid of a batch shows it: done, running, waiting or missing
revision      a number that grows with each change of a section: what is greater than it has changed since
progress      the counts of a batch at a revision, with the cells that changed before it
stream        the progress of a batch as events, for everybody who watches it
budget        what a batch may cost; it pauses before more is spent
"""

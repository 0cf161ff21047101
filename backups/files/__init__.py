"""The file tier: a folder of files backed up at the cost of what has changed, restored into a folder, and undone.

source     the folder that is backed up; what is in it is seen by a scan
finding    something in the source that was not backed up, or not as it is
copy       the files of a run on their way into the repository
target     the folder that is restored to; nothing is written outside of it
plan       what a restore, or the undo of one, would do, counted: a step a path
aside      where the target keeps what a restore replaced: `.replaced-…`
journal    what a restore was about to do, a line a path, kept on its machine so that it can be undone
"""

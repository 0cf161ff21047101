"""Articles and batches from the shell: `manage.py submit`, `batch` and `worker_health`.

follow    watch an article or a batch in a terminal, on standard error, until it has ended or rests
line      how a batch stands, for a log or for people
facts     how it stands, for programs: with --json, a line of JSON each
gap       a section that is not there
"""

"""How the backups do: what is asked of the rows, of the storage and of a restore for trial, and what is found.

report         how the backups do at one moment, in four parts: the two tiers, the drill and the storage
part           its findings, its facts and its age; its state is that of its worst finding
finding        what is so, as a type with its values, and the action that ends it
state          how bad it is: ok, look, alarm or damaged
facts          what is counted of a part
action         what ends a finding, in the desk or by a command
words          what is so, what to do and the command, made from a finding where somebody reads it
interval       how often a schedule ought to back a source up
limit          how old a backup or a drill may be before somebody is told
retention      what is old enough to go, by settings and rows
damage         which backups cannot be restored as they are, and which of these are needed
drill          a restore for trial into a scratch place, compared and timed
kit drill      the same by a process that knows nothing but a recovery kit
storage check  what only the storage can tell, asked now and then, and kept as a look
bucket audit   the part of it about the bucket itself: versions, access, rules, unfinished uploads
watch          the beat at which others learn of the report
"""

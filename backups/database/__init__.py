"""The database tier: rows into backups and back.

unit            what a person restores one by one: an article, with the rows that belong to it
natural key     what tells a row apart on any machine; its number, the primary key, does not
snapshot        the database at one instant, of SQLite or PostgreSQL
row page        rows as a snapshot gives them at once: a thousand, as JSON
chunk           rows as they are stored: one object of a backup
chain           a full backup and those of changes that build on it
map             of every row the key, a token and a hash of its content; in blocks of 1,024 keys
token           what is another one when its row has changed
span, digest    sixteen keys of an SQLite table, and the hash of what stands under them
baseline        the last backup, and what the next one may build on
drift           rows that have changed without the map showing it
staged          a backup laid out as rows, beside the database it is compared with: the target
target          the database that is compared and restored into; a row's target is its key there
comparison      what a restore or an undo would do, row by row, before anything is written (`comparison`)
safety backup   a full one that is made before a restore
"""

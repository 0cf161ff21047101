"""Mail about what stopped, about the backups and the worklist: who is told, of what, when.

stop       an article that stopped, and a person who is to be told
mail       what one person is told, once; the row is the truth, and the sending loses none and sends none twice
outbox     the doors: note a stop, note the backups, deliver
letter     the words of a mail
film       what a browser saw where a publication stopped: a picture in the words
link       what leads from a mail to what is to be done
notice     something on the worklist that a person is to be told
news       a state of the backups that a person was not told of yet
"""

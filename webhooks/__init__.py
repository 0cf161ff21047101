"""Programs are told when an article, a batch or a publication has ended, by a signed request to their address.

webhook    an address that somebody has given, what it is told of, and the secret that signs it
event      what has happened: article.done, article.stopped …
delivery   one event for one webhook; its id stays the same however often it is sent
log        the deliveries, with the answers
"""

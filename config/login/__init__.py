"""Who knocks at the desk's door, and how often they may try.

visitor    whoever sends a request, known by an address
proxy      a server of ours that hands requests on, and says for whom
carried    what was sent without a session, until the login
guess      a wrong password, by the name that it was for and the address that it came from
"""

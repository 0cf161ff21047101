"""The desk: Django's admin as Galley's front, which sees every app.

site         the admin itself: its addresses, and what is put before the admin classes of others
machinery    the tables of the queue and of the logins, which superusers look at
question     what the desk is asked by an address, and whether it can be answered
people       users and groups, and who may give whom which right
typed        what somebody has typed and not handed in, which their browser keeps
reference    what the API can do, from its own description
changes      who has changed what, for those who look after the desk
start page   what answers one question: What needs me?
"""

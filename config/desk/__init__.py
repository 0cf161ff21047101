"""The desk: Django's admin as Galley's front, which sees every app.

site         the admin itself: its addresses, and what only superusers may see
start page   what answers one question: What needs me?
"""

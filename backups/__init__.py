"""What makes a stored thing whole, and two tiers of backup with restores that are drilled.

storage      where bytes lie
tree         files under one prefix and the manifest that names them
tier         files of a folder, or the database
generation   one backup of one tier
restore      what brings a generation back, compared and shown first
health       how the backups do
"""

"""The composition of the desk: settings, addresses, who is let in, what monitors see. Nobody imports it.

desk          Django's admin as Galley's front (`desk`)
role          a group of people with its rights
token         a personal secret by which a program asks the API
supervision   programs that are kept running
"""

"""What people inject, in many thousand mutations, and the ways by which a text leaves the desk.

payload    one injection with a number, and plain words before it, within it and behind it
effect     what it does where it runs: `__ran(number)`, or a request that names the number
exit       where a text is shown or sent: at the desk, as the formatted page, to a site, in a mail
judge      a real browser without any policy of ours: what ran, what was asked for, which words it shows
"""

"""What calls cost and may cost, and who has no room for one more.

reserve   the most that a call may cost, held back until its answer says what it did cost
budget    of a batch: what its articles may cost together (`spending`)
limit     of the desk: what an article, a day or a month may cost (`limits`)
"""
